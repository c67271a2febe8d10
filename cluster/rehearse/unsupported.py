"""What a rehearsal does not create, and why: declared beforehand, so that a new gap is a failure and no surprise.

In:  nothing. Out: reasons by type, or by key where one resource only is meant.
"""

from __future__ import annotations

MISSING = "moto has no such call"
SHAPE = "its nested form is not translated: the schema of the provider and the controls check it"
SWITCH = "a switch of the account, which a rehearsal in memory does not have"
WAITS = "waits for something outside, and creates nothing"
CLUSTER_GROUP = "moto's cluster has no security group of its own"

UNSUPPORTED: dict[str, str] = {
    "aws:accessanalyzer/analyzer:Analyzer": MISSING,
    "aws:acm/certificateValidation:CertificateValidation": WAITS,
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": MISSING,
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": MISSING,
    "aws:backup/selection:Selection": MISSING,
    "aws:backup/vaultPolicy:VaultPolicy": MISSING,
    "aws:cfg/deliveryChannel:DeliveryChannel": SWITCH,
    "aws:cfg/recorder:Recorder": SWITCH,
    "aws:cfg/recorderStatus:RecorderStatus": SWITCH,
    "aws:cloudfront/distribution:Distribution": SHAPE,
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": MISSING,
    "aws:cloudfront/originAccessControl:OriginAccessControl": SHAPE,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": MISSING,
    "aws:cloudwatch/logDelivery:LogDelivery": SHAPE,
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": SHAPE,
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": SHAPE,
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": MISSING,
    "aws:costexplorer/anomalySubscription:AnomalySubscription": MISSING,
    "aws:ebs/defaultKmsKey:DefaultKmsKey": SWITCH,
    "aws:ebs/encryptionByDefault:EncryptionByDefault": SWITCH,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "takes over a group that AWS has made",
    "aws:ec2/flowLog:FlowLog": SHAPE,
    "aws:ec2/launchTemplate:LaunchTemplate": SHAPE,
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": SHAPE,
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": MISSING,
    "aws:eks/accessEntry:AccessEntry": MISSING,
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": MISSING,
    "aws:eks/addon:Addon": MISSING,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": MISSING,
    "aws:elasticache/parameterGroup:ParameterGroup": MISSING,
    "aws:elasticache/user:User": SHAPE,
    "aws:elasticache/userGroup:UserGroup": MISSING,
    "aws:guardduty/detectorFeature:DetectorFeature": SHAPE,
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": SWITCH,
    "aws:inspector2/enabler:Enabler": SWITCH,
    "aws:route53/healthCheck:HealthCheck": SHAPE,
    "aws:route53/record:Record": SHAPE,
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": SWITCH,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": SHAPE,
    "aws:scheduler/schedule:Schedule": SHAPE,
    "aws:securityhub/account:Account": SWITCH,
    "aws:securityhub/standardsSubscription:StandardsSubscription": MISSING,
    "aws:sfn/stateMachine:StateMachine": SHAPE,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": SHAPE,
    "aws:wafv2/webAcl:WebAcl": SHAPE,
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": SHAPE,
    "vpc.SecurityGroupIngressRule/cache-from-cluster": CLUSTER_GROUP,
    "vpc.SecurityGroupIngressRule/database-from-cluster": CLUSTER_GROUP,
    "vpc.SecurityGroupIngressRule/pods-from-load-balancer": CLUSTER_GROUP,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": CLUSTER_GROUP,
}
