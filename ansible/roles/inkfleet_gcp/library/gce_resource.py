#!/usr/bin/python
"""One resource of Compute Engine: made when it is missing, patched where it differs."""

DOCUMENTATION = r"""
module: gce_resource
short_description: A resource of Compute Engine
description:
  - Makes a resource when it is missing and patches it when it differs from O(body), through Google's own client.
  - The modules of google.cloud cannot patch instance groups and autoscalers, know no update policy and have no check mode.
options:
  project: {type: str, required: true, description: The project.}
  collection: {type: str, required: true, description: Its collection in the REST API, as in C(healthChecks).}
  scope: {type: str, default: global, description: C(global), or a region.}
  body: {type: dict, required: true, description: What it is, in the API's own words. C(name) is required.}
  once: {type: dict, default: {}, description: What is said when it is made, and not looked at later.}
  state: {type: str, choices: [present, absent], default: present, description: Whether there should be one.}
  api_endpoint: {type: str, description: Another server than Google's.}
  access_token: {type: str, description: Instead of the application default credentials.}
author: Inkfleet maintainers
"""
RETURN = r"""
differences: {type: list, returned: when changed, description: Where it differed.}
"""
EXAMPLES = r"""
- name: A health check
  gce_resource:
    project: example-project
    collection: healthChecks
    body: {name: ready, type: HTTP, httpHealthCheck: {port: 9001, requestPath: /readyz}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.compute import CONNECTION_SPEC, IMMUTABLE, MISSING, Compute, Failed, differences


def absent(compute, params, check_mode):
    place = params["collection"], params["scope"], params["body"]["name"]
    if compute.get(*place) is None:
        return {"changed": False}
    if not check_mode:
        compute.delete(*place)
    return {"changed": True, "differences": ["it is there"]}


def present(compute, params, check_mode):
    collection, scope, body = params["collection"], params["scope"], params["body"]
    found = compute.get(collection, scope, body["name"])
    if found is None:
        if not check_mode:
            compute.insert(collection, scope, {**body, **params["once"]})
        return {"changed": True, "differences": ["it is missing"]}
    differing = differences(body, found)
    if differing and collection in IMMUTABLE:
        raise Failed(
            f"{body['name']} of {collection} differs in {', '.join(differing)}, and can only be made anew under another name"
        )
    if differing and not check_mode:
        fingerprint = {"fingerprint": found["fingerprint"]} if "fingerprint" in found else {}
        compute.patch(collection, scope, body["name"], {**body, **fingerprint})
    return {"changed": bool(differing), "differences": differing}


def main():
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            "collection": {"type": "str", "required": True},
            "scope": {"type": "str", "default": "global"},
            "body": {"type": "dict", "required": True},
            "once": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=f"{MISSING}; scripts/deploy-env makes an environment that has it")
    try:
        work = present if module.params["state"] == "present" else absent
        module.exit_json(**work(Compute(module.params), module.params, module.check_mode))
    except Failed as failure:
        module.fail_json(msg=str(failure))


if __name__ == "__main__":
    main()
