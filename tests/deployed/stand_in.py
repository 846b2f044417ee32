"""Starts MiniStack with five repairs, without which the template would have to be another one.

Its CloudFormation refuses alarms on computed metrics: nothing of the job looks at alarms, so such an
alarm is kept with the first of the metrics that it is computed from. `Ref` of a secret gives its
name: AWS gives its ARN, which policies name. And policies are asked about a schedule as if every one
lay in the group `default`, and never told which items of a table a request is for. Last, requests over
loopback count as encrypted: the template's bucket refuses others, and loopback has no TLS.
"""

import json
import re
import sys

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services.cloudformation import provisioners

alarm_record = provisioners._cw_metric_alarm_record
secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
create_secret = secret["create"]
resource_arn = iam_actions.extract_resource_arn
table_context = iam_actions.dynamodb_service_context
transaction_checks = iam_actions.dynamodb_transaction_checks
enforce = iam_evaluator.enforce
pin_request_origin = app.pin_request_origin


def computed_alarm_record(name, properties):
    for entry in properties.get("Metrics") or []:
        if "MetricStat" in entry:
            stat = entry["MetricStat"]
            rest = {key: value for key, value in properties.items() if key != "Metrics"}
            plain = {"Period": stat["Period"], "Statistic": stat["Stat"], **stat["Metric"]}
            return alarm_record(name, {**rest, **plain})
    return alarm_record(name, properties)


def create_secret_known_by_arn(logical_id, properties, stack_name):
    _, attributes = create_secret(logical_id, properties, stack_name)
    return attributes["Arn"], attributes


def arn_of_grouped_schedule(service, method, path, headers, body, query, *rest):
    arn = resource_arn(service, method, path, headers, body, query, *rest)
    if service != "scheduler" or ":schedule/default/" not in arn:
        return arn
    told = json.loads(body).get("GroupName") if body else query.get("groupName")
    group = told[0] if isinstance(told, list) else told
    return arn.replace(":schedule/default/", f":schedule/{group or 'default'}/")


def leading_keys(request):
    """The partition keys, called `pk` in both tables, of a request that is no transaction."""
    items = [request.get("Key") or request.get("Item") or {}]
    for batch in (request.get("RequestItems") or {}).values():
        writes = [next(iter(write.values())) for write in batch] if isinstance(batch, list) else []
        items += batch["Keys"] if isinstance(batch, dict) else []
        items += [write.get("Item") or write.get("Key") for write in writes]
    keys = [item["pk"]["S"] for item in items if item]
    names, values = (request.get(f"ExpressionAttribute{what}") or {} for what in ("Names", "Values"))
    for name, value in re.findall(r"(#?\w+) = (:\w+)", request.get("KeyConditionExpression") or ""):
        keys += [values[value]["S"]] if names.get(name, name) == "pk" else []
    return keys


def context_with_leading_keys(body):
    keys = leading_keys(json.loads(body or b"{}"))
    # No such key, as in AWS, where a request names no partition.
    return {**table_context(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}


class TableOfItem(str):
    """The ARN of the table on which one part of a transaction works, and on which item of it."""


def checks_by_item(action, body, region, account):
    checks = []
    for part in json.loads(body or b"{}").get("TransactItems") or []:
        alone = json.dumps({"TransactItems": [part]}).encode()
        for item_action, arn in transaction_checks(action, alone, region, account):
            table = TableOfItem(arn)
            table.keys = leading_keys(next(iter(part.values())))
            checks.append((item_action, table))
    return checks


def enforce_by_item(*request, resource_arn="*", service_context=None):
    if isinstance(resource_arn, TableOfItem):
        service_context = {**(service_context or {}), "dynamodb:LeadingKeys": resource_arn.keys}
    return enforce(*request, resource_arn=resource_arn, service_context=service_context)


def secure_request_origin(address, _is_secure):
    pin_request_origin(address, True)


iam_actions.extract_resource_arn = arn_of_grouped_schedule
iam_actions.dynamodb_service_context = context_with_leading_keys
iam_actions.dynamodb_transaction_checks = checks_by_item
iam_evaluator.enforce = enforce_by_item
provisioners._cw_metric_alarm_record = computed_alarm_record
secret["create"] = create_secret_known_by_arn
app.pin_request_origin = secure_request_origin
sys.exit(app.main())
