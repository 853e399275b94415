"""What the outputs say, read by rules of their own: HAProxy's map, Google's URL map, Kubernetes' routes, and where a path goes."""

import re


def haproxy_backend(config: str, models_map: str, path: str) -> str:
    """By the one rule that is understood here: the path's first element, looked up as it is."""
    rule = re.findall(r"^  use_backend %\[path,field\(2,/\),map_str\(\S+/models\.map,(\w+)\)\]$", config, re.MULTILINE)
    assert len(rule) == config.count("use_backend") == 1, "another rule: teach it here"
    entries = dict(line.split() for line in models_map.splitlines())
    return entries.get(path.split("/")[1], rule[0])


def haproxy_servers(config: str) -> dict:
    """Addresses of each backend, and the path its check asks."""
    backends = {}
    for section in re.split(r"\n(?=backend |frontend )", config):
        if section.startswith("backend "):
            name = section.split()[1]
            ready = re.search(r"http-check send meth GET uri (\S+)", section)[1]
            backends[name] = (ready, re.findall(r"^  server \S+ (\S+)", section, re.MULTILINE))
    return backends


def url_map_service(url_map: dict, path: str, host: str = "any") -> str:
    """Google's rule: the longest path of the host's matcher; `*` only at the end, after a slash."""
    for rule in url_map.get("hostRules", []):
        if host in rule["hosts"] or "*" in rule["hosts"]:
            matcher = next(item for item in url_map["pathMatchers"] if item["name"] == rule["pathMatcher"])
            found = [
                (len(pattern), rule["service"])
                for rule in matcher.get("pathRules", [])
                for pattern in rule["paths"]
                if matches(pattern, path)
            ]
            return max(found)[1] if found else matcher["defaultService"]
    return url_map["defaultService"]


def matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def route_backend(routes: list, path: str) -> str:
    """Gateway API: PathPrefix means whole elements of the path; the longest wins."""
    found = []
    for route in routes:
        for rule in route["spec"]["rules"]:
            for match in rule["matches"]:
                assert match["path"]["type"] == "PathPrefix"
                prefix = match["path"]["value"].rstrip("/")
                if path == prefix or path.startswith(f"{prefix}/"):
                    found.append((len(prefix), rule["backendRefs"][0]["name"]))
    return max(found)[1]
