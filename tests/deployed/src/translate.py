"""Prints what AWS's own SAM transform makes of a template, as JSON: `translate.py TEMPLATE STAGE`.

Run by the Python of `sam`, whose packages bring the transform.
"""

import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # `sam package` puts the uploaded archive's address here; the transform takes nothing else.
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
json.dump(Translator({}, Parser()).translate(template, {"Stage": sys.argv[2]}), sys.stdout, default=str)
