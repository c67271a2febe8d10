"""How identities, keys, records and alarms are created."""

from __future__ import annotations

from typing import Any

from cluster.rehearse.model import Call, Inputs, Read, Then


def _key(i: Inputs) -> dict[str, Any]:
    policy = {"Policy": i["policy"]} if i.get("policy") else {}
    return {"Description": i.get("description", ""), **policy}


def _alarm(i: Inputs) -> dict[str, Any]:
    names = {
        "comparisonOperator": "ComparisonOperator", "evaluationPeriods": "EvaluationPeriods",
        "metricName": "MetricName", "namespace": "Namespace", "period": "Period",
        "statistic": "Statistic", "extendedStatistic": "ExtendedStatistic",
        "threshold": "Threshold", "alarmDescription": "AlarmDescription", "treatMissingData": "TreatMissingData",
        "alarmActions": "AlarmActions", "okActions": "OKActions",
    }  # fmt: skip
    found = {name: i[key] for key, name in names.items() if i.get(key) is not None}
    if i.get("dimensions"):
        found["Dimensions"] = [{"Name": name, "Value": str(value)} for name, value in i["dimensions"].items()]
    if i.get("metricQueries"):
        found["Metrics"] = [_query(one) for one in i["metricQueries"]]
    return {"AlarmName": i["name"], **found}


def _query(one: Inputs) -> dict[str, Any]:
    found = {"Id": one["id"], "ReturnData": bool(one.get("returnData"))}
    if one.get("expression"):
        return {**found, "Expression": one["expression"]}
    metric = one["metric"]
    dimensions = [{"Name": name, "Value": str(value)} for name, value in (metric.get("dimensions") or {}).items()]
    stat = {
        "Metric": {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": dimensions},
        "Period": metric["period"],
        "Stat": metric["stat"],
    }
    return {**found, "MetricStat": stat}


CALLS: dict[str, Call] = {
    "aws:iam/role:Role": Call(
        "iam", "create_role",
        lambda i: {"RoleName": i["name"], "AssumeRolePolicyDocument": i["assumeRolePolicy"]},
        {"id": "Role.RoleName", "name": "Role.RoleName", "arn": "Role.Arn"},
    ),
    "aws:iam/policy:Policy": Call(
        "iam", "create_policy", lambda i: {"PolicyName": i["name"], "PolicyDocument": i["policy"]},
        {"id": "Policy.Arn", "arn": "Policy.Arn"},
    ),
    "aws:iam/rolePolicy:RolePolicy": Call(
        "iam", "put_role_policy",
        lambda i: {"RoleName": i["role"], "PolicyName": i.get("name") or "inline", "PolicyDocument": i["policy"]},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Call(
        "iam", "attach_role_policy", lambda i: {"RoleName": i["role"], "PolicyArn": i["policyArn"]},
    ),
    "aws:iam/instanceProfile:InstanceProfile": Call(
        "iam", "create_instance_profile", lambda i: {"InstanceProfileName": i["name"]},
        {"id": "InstanceProfile.InstanceProfileName", "name": "InstanceProfile.InstanceProfileName"},
        (Then("add_role_to_instance_profile", lambda i: {"InstanceProfileName": i["name"], "RoleName": i["role"]}),),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Call(
        "iam", "create_open_id_connect_provider",
        lambda i: {"Url": i["url"], "ClientIDList": i["clientIdLists"], "ThumbprintList": ["0" * 40]},
        {"id": "OpenIDConnectProviderArn", "arn": "OpenIDConnectProviderArn"},
    ),
    "aws:kms/key:Key": Call(
        "kms", "create_key", _key,
        {"id": "KeyMetadata.KeyId", "keyId": "KeyMetadata.KeyId", "arn": "KeyMetadata.Arn"},
        (Then("enable_key_rotation", lambda i: {"KeyId": i["id"]}),),
        Read("get_key_rotation_status", lambda i: {"KeyId": i["id"]}, {"KeyRotationEnabled": "enableKeyRotation"}),
    ),
    "aws:kms/alias:Alias": Call(
        "kms", "create_alias", lambda i: {"AliasName": i["name"], "TargetKeyId": i["targetKeyId"]},
    ),
    "aws:sns/topic:Topic": Call(
        "sns", "create_topic", lambda i: {"Name": i["name"]}, {"id": "TopicArn", "arn": "TopicArn"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Call(
        "sns", "set_topic_attributes",
        lambda i: {"TopicArn": i["arn"], "AttributeName": "Policy", "AttributeValue": i["policy"]},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Call(
        "sns", "subscribe",
        lambda i: {"TopicArn": i["topic"], "Protocol": i["protocol"], "Endpoint": i["endpoint"]},
        {"id": "SubscriptionArn"},
    ),
    "aws:cloudwatch/dashboard:Dashboard": Call(
        "cloudwatch", "put_dashboard",
        lambda i: {"DashboardName": i["dashboardName"], "DashboardBody": i["dashboardBody"]},
    ),
    "aws:cloudtrail/trail:Trail": Call(
        "cloudtrail", "create_trail",
        lambda i: {"Name": i["name"], "S3BucketName": i["s3BucketName"], "IsMultiRegionTrail": i["isMultiRegionTrail"],
                   "EnableLogFileValidation": i["enableLogFileValidation"]},
        {"id": "Name", "arn": "TrailARN"},
        read=Read("get_trail", lambda i: {"Name": i["name"]}, {
            "Trail.IsMultiRegionTrail": "isMultiRegionTrail",
            "Trail.LogFileValidationEnabled": "enableLogFileValidation",
        }),
    ),
    "aws:cloudwatch/logGroup:LogGroup": Call(
        "logs", "create_log_group", lambda i: {"logGroupName": i["name"]}, {"id": "=logGroupName"},
        (Then("put_retention_policy", lambda i: {"logGroupName": i["name"], "retentionInDays": i["retentionInDays"]}),),
        Read("describe_log_groups", lambda i: {"logGroupNamePrefix": i["name"]},
             {"logGroups.0.logGroupName": "name", "logGroups.0.retentionInDays": "retentionInDays"}),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Call(
        "cloudwatch", "put_metric_alarm", _alarm, {"id": "=AlarmName"},
        read=Read("describe_alarms", lambda i: {"AlarmNames": [i["name"]]}, {
            "MetricAlarms.0.Threshold": "threshold", "MetricAlarms.0.EvaluationPeriods": "evaluationPeriods",
            "MetricAlarms.0.AlarmActions.0": "alarmActions.0",
        }),
    ),
    "aws:cloudwatch/eventRule:EventRule": Call(
        "events", "put_rule", lambda i: {"Name": i["name"], "EventPattern": i["eventPattern"]},
        {"id": "=Name", "name": "=Name", "arn": "RuleArn"},
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Call(
        "events", "put_targets", lambda i: {"Rule": i["rule"], "Targets": [{"Id": "target", "Arn": i["arn"]}]},
    ),
    "aws:secretsmanager/secret:Secret": Call(
        "secretsmanager", "create_secret", lambda i: {"Name": i["name"]}, {"id": "ARN", "arn": "ARN", "name": "Name"},
    ),
    "aws:guardduty/detector:Detector": Call(
        "guardduty", "create_detector", lambda i: {"Enable": i.get("enable", True)}, {"id": "DetectorId"},
    ),
}  # fmt: skip
"""By type; parameters are what AWS's API takes."""
