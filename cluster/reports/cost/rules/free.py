"""What costs nothing by itself, and what costs and has no price in the data: each type with the reason.

A type that is in neither, and has no rule, is unknown: a test fails, and somebody says which it is.
"""

from __future__ import annotations

_PART = "a part of something that is paid for as a whole"
_ACCESS = "access control is free"
_SETTING = "a setting"
_NETWORK = "the network itself is free; what passes through it is on other lines"
_DELIVERY = "the log group pays for what it takes in"

FREE: dict[str, str] = {
    "aws:accessanalyzer/analyzer:Analyzer": "the analysis of external access is free",
    "aws:acm/certificate:Certificate": "public certificates are free",
    "aws:acm/certificateValidation:CertificateValidation": "a wait, not a resource",
    "aws:backup/selection:Selection": _SETTING,
    "aws:backup/vault:Vault": "what it holds is on the lines of the plan that fills it",
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": _SETTING,
    "aws:backup/vaultPolicy:VaultPolicy": "what it lets out is stored and paid for in the isolated account",
    "aws:budgets/budget:Budget": "budgets without actions are free",
    "aws:cfg/deliveryChannel:DeliveryChannel": "the bucket pays for what it holds",
    "aws:cfg/recorderStatus:RecorderStatus": _SETTING,
    "aws:cloudfront/originAccessControl:OriginAccessControl": _ACCESS,
    "aws:cloudwatch/eventRule:EventRule": "events of AWS services are free",
    "aws:cloudwatch/eventTarget:EventTarget": "delivery within AWS is free; the queue or topic pays for itself",
    "aws:cloudwatch/logDelivery:LogDelivery": _DELIVERY,
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _DELIVERY,
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _DELIVERY,
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": "anomaly detection is free",
    "aws:costexplorer/anomalySubscription:AnomalySubscription": "anomaly detection is free",
    "aws:ebs/defaultKmsKey:DefaultKmsKey": _SETTING,
    "aws:ebs/encryptionByDefault:EncryptionByDefault": _SETTING,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _ACCESS,
    "aws:ec2/launchTemplate:LaunchTemplate": _SETTING,
    "aws:ec2/networkAcl:NetworkAcl": _ACCESS,
    "aws:ec2/route:Route": _NETWORK,
    "aws:ec2/routeTable:RouteTable": _NETWORK,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _NETWORK,
    "aws:ec2/securityGroup:SecurityGroup": _ACCESS,
    "aws:ec2/subnet:Subnet": _NETWORK,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _SETTING,
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": _SETTING,
    "aws:eks/accessEntry:AccessEntry": _ACCESS,
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": _ACCESS,
    "aws:eks/addon:Addon": "it runs on the nodes, which are paid for",
    "aws:eks/nodeGroup:NodeGroup": "its machines and disks are declared, and have lines of their own",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _ACCESS,
    "aws:elasticache/parameterGroup:ParameterGroup": _SETTING,
    "aws:elasticache/subnetGroup:SubnetGroup": _SETTING,
    "aws:elasticache/user:User": _ACCESS,
    "aws:elasticache/userGroup:UserGroup": _ACCESS,
    "aws:iam/*": _ACCESS,
    "aws:kms/alias:Alias": _PART,
    "aws:lb/listener:Listener": _PART,
    "aws:lb/listenerRule:ListenerRule": "rules are in the load balancer's capacity units",
    "aws:lb/targetGroup:TargetGroup": _PART,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _SETTING,
    "aws:rds/globalCluster:GlobalCluster": "its clusters are paid for, and what is sent between them",
    "aws:rds/parameterGroup:ParameterGroup": _SETTING,
    "aws:rds/subnetGroup:SubnetGroup": _SETTING,
    "aws:route53/record:Record": "records are free; the zone pays for what is asked",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": _SETTING,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _SETTING,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _SETTING,
    "aws:s3/bucketPolicy:BucketPolicy": _ACCESS,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _ACCESS,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _SETTING,
    "aws:s3/bucketVersioning:BucketVersioning": "old versions are in the size of the bucket",
    "aws:scheduler/schedule:Schedule": "some fifty calls a month, of 14 million that are free",
    "aws:securityhub/account:Account": "its standards pay for each check",
    "aws:sns/topicPolicy:TopicPolicy": _ACCESS,
    "aws:sqs/queuePolicy:QueuePolicy": _ACCESS,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _SETTING,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ACCESS,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ACCESS,
    "aws:wafv2/webAclAssociation:WebAclAssociation": _SETTING,
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": _DELIVERY,
    "kubernetes:*": "an object of the cluster; what controllers make of it is declared, and has lines of its own",
    "pulumi:providers:*": "no resource of AWS",
}
"""By type, where `*` stands for anything. Components cost nothing, whatever their type."""

UNPRICED: dict[str, tuple[str, str]] = {
    "aws:amp/workspace:Workspace": ("samples", "the data has no price of Managed Prometheus"),
    "aws:grafana/workspace:Workspace": ("users", "the data has no price of Managed Grafana"),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": ("tests", "the data has no price of restore tests"),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": (
        "restored databases",
        "the data has no price of restore tests, nor is it known how long one takes",
    ),
}
"""By type: what is charged, and why there is no price."""
