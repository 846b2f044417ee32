"""Starts MiniStack with four repairs, without which the template would have to be another one.

Its CloudFormation refuses alarms on computed metrics: nothing of the job looks at alarms, so such an
alarm is kept with the first of the metrics that it is computed from. `Ref` of a secret gives its
name: AWS gives its ARN, which policies name. And policies are asked about a schedule as if every one
lay in the group `default`. Last, requests over loopback count as encrypted: the template's bucket refuses
others, and loopback has no TLS.
"""

import json
import sys

from ministack import app
from ministack.core import iam_actions
from ministack.services.cloudformation import provisioners

alarm_record = provisioners._cw_metric_alarm_record
secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
create_secret = secret["create"]
resource_arn = iam_actions.extract_resource_arn
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


def secure_request_origin(address, _is_secure):
    pin_request_origin(address, True)


iam_actions.extract_resource_arn = arn_of_grouped_schedule
provisioners._cw_metric_alarm_record = computed_alarm_record
secret["create"] = create_secret_known_by_arn
app.pin_request_origin = secure_request_origin
sys.exit(app.main())
