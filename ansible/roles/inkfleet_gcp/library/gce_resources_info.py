#!/usr/bin/python
"""Which resources of a collection there are."""

DOCUMENTATION = r"""
module: gce_resources_info
short_description: Resources of Compute Engine
description: [Lists the resources of a collection whose names match, the newest first.]
options:
  project: {type: str, required: true, description: The project.}
  collection: {type: str, required: true, description: The collection in the REST API.}
  scope: {type: str, default: global, description: C(global), or a region.}
  names: {type: str, default: ".*", description: A regular expression that whole names match.}
  api_endpoint: {type: str, description: Another server than Google's.}
  access_token: {type: str, description: Instead of the application default credentials.}
author: Inkfleet maintainers
"""
RETURN = r"""
resources: {type: list, returned: always, description: As the API answers.}
"""
EXAMPLES = r"""
- name: Templates of a group
  gce_resources_info: {project: example-project, collection: instanceTemplates, names: "inkfleet-gateway-[0-9a-f]{10}"}
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.compute import CONNECTION_SPEC, MISSING, Compute, Failed


def main():
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_SPEC,
            "collection": {"type": "str", "required": True},
            "scope": {"type": "str", "default": "global"},
            "names": {"type": "str", "default": ".*"},
        },
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=f"{MISSING}; scripts/deploy-env makes an environment that has it")
    params = module.params
    try:
        found = Compute(params).list(params["collection"], params["scope"])
    except Failed as failure:
        module.fail_json(msg=str(failure))
    matching = [item for item in found if re.fullmatch(params["names"], item["name"])]
    module.exit_json(changed=False, resources=sorted(matching, key=lambda item: item["creationTimestamp"], reverse=True))


if __name__ == "__main__":
    main()
