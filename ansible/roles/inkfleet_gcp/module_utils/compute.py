"""Compute Engine's REST API (v1) through Google's own client, for the modules of this role."""

import functools
import re

try:
    import google.auth
    import google.oauth2.credentials
    import googleapiclient.discovery
    import googleapiclient.errors

    MISSING = None
except ImportError as missing:
    MISSING = str(missing)

# What a method's parameter is called that names the resource.
PARAMETERS = {
    "addresses": "address",
    "autoscalers": "autoscaler",
    "backendServices": "backendService",
    "firewalls": "firewall",
    "forwardingRules": "forwardingRule",
    "globalAddresses": "address",
    "globalForwardingRules": "forwardingRule",
    "healthChecks": "healthCheck",
    "instanceGroupManagers": "instanceGroupManager",
    "instanceTemplates": "instanceTemplate",
    "sslCertificates": "sslCertificate",
    "targetHttpProxies": "targetHttpProxy",
    "targetHttpsProxies": "targetHttpsProxy",
    "urlMaps": "urlMap",
}
# These are replaced under another name and never changed.
IMMUTABLE = ("instanceTemplates", "sslCertificates", "globalAddresses", "globalForwardingRules")

CONNECTION_SPEC = {
    "project": {"type": "str", "required": True},
    "api_endpoint": {"type": "str"},
    "access_token": {"type": "str", "no_log": True},
}


class Failed(Exception):
    """What the API said, in one line."""


def without_host(value):
    """The API answers with full URLs of what was named by project."""
    return re.sub(r"^https?://[^/]+/compute/v1/", "", value) if isinstance(value, str) else value


def differences(wanted, found, path=""):
    """Paths at which `found` is not what is wanted; what nobody asked for does not count."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [path]
        return [
            place for key, value in wanted.items() for place in differences(value, found.get(key), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [path]
        return [place for i, value in enumerate(wanted) for place in differences(value, found[i], f"{path}[{i}]")]
    if isinstance(wanted, bool) or isinstance(found, bool) or isinstance(wanted, str) and isinstance(found, str):
        return [] if without_host(wanted) == without_host(found) else [path]
    return [] if found is not None and str(wanted) == str(found) else [path]  # 64-bit numbers travel as strings


class Compute:
    def __init__(self, params):
        self.project = params["project"]
        if params["access_token"]:
            credentials = google.oauth2.credentials.Credentials(params["access_token"])
        else:
            credentials, _unused = google.auth.default(scopes=["https://www.googleapis.com/auth/compute"])
        options = {"api_endpoint": params["api_endpoint"]} if params["api_endpoint"] else {}
        self.api = googleapiclient.discovery.build(
            "compute", "v1", credentials=credentials, static_discovery=True, cache_discovery=False, client_options=options
        )

    def collection(self, name, scope):
        """The methods of a collection, and what tells them the place."""
        if scope == "global":
            return getattr(self.api, name)(), {"project": self.project}
        return getattr(self.api, f"region{name[0].upper()}{name[1:]}")(), {"project": self.project, "region": scope}

    def call(self, collection, scope, method, **arguments):
        methods, place = self.collection(collection, scope)
        try:
            return getattr(methods, method)(**place, **arguments).execute(num_retries=3)
        except googleapiclient.errors.HttpError as error:
            if error.status_code == 404 and method in ("get", "delete"):
                return None
            raise Failed(f"{method} of {collection}: {error.status_code}: {error.reason}") from error

    def named(self, collection, name):
        return {PARAMETERS[collection]: name}

    def get(self, collection, scope, name):
        return self.call(collection, scope, "get", **self.named(collection, name))

    def list(self, collection, scope):
        found, page = [], None
        while True:
            answer = self.call(collection, scope, "list", pageToken=page)
            found += answer.get("items", [])
            page = answer.get("nextPageToken")
            if not page:
                return found

    def insert(self, collection, scope, body):
        self.finish(self.call(collection, scope, "insert", body=body), scope)

    def patch(self, collection, scope, name, body):
        self.finish(self.call(collection, scope, "patch", body=body, **self.named(collection, name)), scope)

    def delete(self, collection, scope, name):
        self.finish(self.call(collection, scope, "delete", **self.named(collection, name)), scope)

    def finish(self, operation, scope):
        """Until an operation is done; each wait of the API is up to two minutes."""
        if operation is None:
            return
        wait = functools.partial(
            *([self.api.globalOperations().wait] if scope == "global" else [self.api.regionOperations().wait]),
            **({} if scope == "global" else {"region": scope}),
        )
        while operation["status"] != "DONE":
            operation = wait(project=self.project, operation=operation["name"]).execute(num_retries=3)
        if "error" in operation:
            raise Failed("; ".join(error["message"] for error in operation["error"]["errors"]))
