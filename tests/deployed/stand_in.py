"""Starts MiniStack, which knows all of the template but one thing: its CloudFormation refuses alarms
on computed metrics. Nothing of the job looks at alarms, so such an alarm is kept with the first of
the metrics that it is computed from; everything else of the template stays as it is.
"""

import sys

from ministack.app import main
from ministack.services.cloudformation import provisioners

alarm_record = provisioners._cw_metric_alarm_record


def computed_alarm_record(name, properties):
    for entry in properties.get("Metrics") or []:
        if "MetricStat" in entry:
            stat = entry["MetricStat"]
            rest = {key: value for key, value in properties.items() if key != "Metrics"}
            plain = {"Period": stat["Period"], "Statistic": stat["Stat"], **stat["Metric"]}
            return alarm_record(name, {**rest, **plain})
    return alarm_record(name, properties)


provisioners._cw_metric_alarm_record = computed_alarm_record
sys.exit(main())
