#!/usr/bin/python
"""Resources of Compute Engine: each is made when it is missing, and patched where it differs."""

DOCUMENTATION = r"""
module: gce_resources
short_description: Resources of Compute Engine
description:
  - Makes resources that are missing and patches those that differ from their C(body), in turn, through Google's own client.
  - The modules of google.cloud cannot patch instance groups and autoscalers, know no update policy and have no check mode.
options:
  project: {type: str, required: true, description: The project.}
  resources:
    type: list
    elements: dict
    required: true
    description: What there should be, in the order in which it is made.
    suboptions:
      collection: {type: str, required: true, description: Its collection in the REST API, as in C(healthChecks).}
      scope: {type: str, default: global, description: C(global), or a region.}
      body: {type: dict, required: true, description: What it is, in the API's own words. C(name) is required.}
      once: {type: dict, default: {}, description: What is said when it is made, and not looked at later.}
      owner: {type: str, description: Whose it is; for people.}
  state: {type: str, choices: [present, absent], default: present, description: C(absent) deletes them, the last first.}
  api_endpoint: {type: str, description: Another server than Google's.}
  access_token: {type: str, description: Instead of the application default credentials.}
author: Inkfleet maintainers
"""
RETURN = r"""
changes: {type: dict, returned: always, description: What was made or changed, and where it differed.}
"""
EXAMPLES = r"""
- name: A health check
  gce_resources:
    project: example-project
    resources:
      - collection: healthChecks
        body: {name: ready, type: HTTP, httpHealthCheck: {port: 9001, requestPath: /readyz}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.compute import CONNECTION_SPEC, IMMUTABLE, MISSING, Compute, Failed, differences

RESOURCE_SPEC = {
    "collection": {"type": "str", "required": True},
    "scope": {"type": "str", "default": "global"},
    "body": {"type": "dict", "required": True},
    "once": {"type": "dict", "default": {}},
    "owner": {"type": "str"},
}


def absent(compute, resource, check_mode):
    """What has changed; nothing if nothing has."""
    place = resource["collection"], resource["scope"], resource["body"]["name"]
    if compute.get(*place) is None:
        return []
    if not check_mode:
        compute.delete(*place)
    return ["it is there"]


def present(compute, resource, check_mode):
    collection, scope, body = resource["collection"], resource["scope"], resource["body"]
    found = compute.get(collection, scope, body["name"])
    if found is None:
        if not check_mode:
            compute.insert(collection, scope, {**body, **resource["once"]})
        return ["it is missing"]
    differing = differences(body, found)
    if differing and collection in IMMUTABLE:
        raise Failed(f"{body['name']} of {collection} differs in {', '.join(differing)}, and can only be made anew under another name")
    if differing and not check_mode:
        fingerprint = {"fingerprint": found["fingerprint"]} if "fingerprint" in found else {}
        compute.patch(collection, scope, body["name"], {**body, **fingerprint})
    return differing


def main():
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            "resources": {"type": "list", "elements": "dict", "required": True, "options": RESOURCE_SPEC},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=f"{MISSING}; scripts/deploy-env makes an environment that has it")
    wanted, changes = module.params["state"] == "present", {}
    try:
        compute = Compute(module.params)
        for resource in module.params["resources"][:: 1 if wanted else -1]:
            changed = (present if wanted else absent)(compute, resource, module.check_mode)
            if changed:
                changes[f"{resource['collection']}/{resource['body']['name']}"] = changed
    except Failed as failure:
        module.fail_json(msg=str(failure), changes=changes)
    lines = "".join(f"{name}: {', '.join(places)}\n" for name, places in changes.items())
    module.exit_json(changed=bool(changes), changes=changes, diff={"prepared": lines})


if __name__ == "__main__":
    main()
