"""How stores, queues, buckets, the cluster and backups are created."""

from __future__ import annotations

from typing import Any

from cluster.rehearse.model import Call, Inputs, Read


def _queue(i: Inputs) -> dict[str, Any]:
    names = {
        "visibilityTimeoutSeconds": "VisibilityTimeout", "messageRetentionSeconds": "MessageRetentionPeriod",
        "kmsMasterKeyId": "KmsMasterKeyId", "redrivePolicy": "RedrivePolicy",
    }  # fmt: skip
    return {"QueueName": i["name"], "Attributes": {name: str(i[key]) for key, name in names.items() if i.get(key)}}


def _cluster(i: Inputs) -> dict[str, Any]:
    names = {
        "clusterIdentifier": "DBClusterIdentifier", "engine": "Engine", "engineVersion": "EngineVersion",
        "databaseName": "DatabaseName", "port": "Port", "masterUsername": "MasterUsername",
        "manageMasterUserPassword": "ManageMasterUserPassword", "dbSubnetGroupName": "DBSubnetGroupName",
        "vpcSecurityGroupIds": "VpcSecurityGroupIds", "storageEncrypted": "StorageEncrypted", "kmsKeyId": "KmsKeyId",
        "backupRetentionPeriod": "BackupRetentionPeriod", "copyTagsToSnapshot": "CopyTagsToSnapshot",
        "deletionProtection": "DeletionProtection", "globalClusterIdentifier": "GlobalClusterIdentifier",
        "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
        "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    }  # fmt: skip
    found = {name: i[key] for key, name in names.items() if i.get(key) not in (None, [])}
    scaling = i.get("serverlessv2ScalingConfiguration")
    if scaling:
        found["ServerlessV2ScalingConfiguration"] = {
            "MinCapacity": float(scaling["minCapacity"]), "MaxCapacity": float(scaling["maxCapacity"]),
        }  # fmt: skip
    return found


def _node_group(i: Inputs) -> dict[str, Any]:
    scaling = i["scalingConfig"]
    sizes = {name: scaling[name] for name in ("minSize", "maxSize", "desiredSize")}
    return {
        "clusterName": i["clusterName"], "nodegroupName": i["nodeGroupName"], "scalingConfig": sizes,
        "subnets": i["subnetIds"], "nodeRole": i["nodeRoleArn"],
    }  # fmt: skip


def _bucket_of(i: Inputs) -> dict[str, Any]:
    return {"Bucket": i["bucket"]}


def _encryption(i: Inputs) -> dict[str, Any]:
    default = i["rules"][0]["applyServerSideEncryptionByDefault"]
    key = {"KMSMasterKeyID": default["kmsMasterKeyId"]} if default.get("kmsMasterKeyId") else {}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": default["sseAlgorithm"], **key}}
    return {**_bucket_of(i), "ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def _plan(i: Inputs) -> dict[str, Any]:
    rules = [
        {
            "RuleName": one["ruleName"],
            "TargetBackupVaultName": one["targetVaultName"],
            "ScheduleExpression": one["schedule"],
            "Lifecycle": {"DeleteAfterDays": one["lifecycle"]["deleteAfter"]},
        }
        for one in i["rules"]
    ]
    return {"BackupPlan": {"BackupPlanName": i["name"], "Rules": rules}}


CLOSED = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}  # fmt: skip
CALLS: dict[str, Call] = {
    "aws:s3/bucket:Bucket": Call(
        "s3", "create_bucket", _bucket_of,
        {"id": "=Bucket", "bucket": "=Bucket"},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Call(
        "s3", "put_bucket_versioning",
        lambda i: {**_bucket_of(i), "VersioningConfiguration": {"Status": i["versioningConfiguration"]["status"]}},
        read=Read("get_bucket_versioning", _bucket_of, {"Status": "versioningConfiguration.status"}),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Call(
        "s3", "put_public_access_block", lambda i: {**_bucket_of(i), "PublicAccessBlockConfiguration": CLOSED},
        read=Read("get_public_access_block", _bucket_of, {
            "PublicAccessBlockConfiguration.BlockPublicPolicy": "blockPublicPolicy",
            "PublicAccessBlockConfiguration.RestrictPublicBuckets": "restrictPublicBuckets",
        }),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Call(
        "s3", "put_bucket_policy", lambda i: {**_bucket_of(i), "Policy": i["policy"]},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Call(
        "s3", "put_bucket_ownership_controls",
        lambda i: {
            **_bucket_of(i), "OwnershipControls": {"Rules": [{"ObjectOwnership": i["rule"]["objectOwnership"]}]},
        },
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Call(
        "s3", "put_bucket_encryption", _encryption,
        read=Read("get_bucket_encryption", _bucket_of, {
            "ServerSideEncryptionConfiguration.Rules.0.ApplyServerSideEncryptionByDefault.SSEAlgorithm":
            "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm",
        }),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Call(
        "sqs", "set_queue_attributes", lambda i: {"QueueUrl": i["queueUrl"], "Attributes": {"Policy": i["policy"]}},
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": Call(
        "rds", "create_db_cluster_parameter_group",
        lambda i: {"DBClusterParameterGroupName": i["name"], "DBParameterGroupFamily": i["family"], "Description": "x"},
        {"id": "=DBClusterParameterGroupName", "name": "=DBClusterParameterGroupName"},
    ),
    "aws:rds/parameterGroup:ParameterGroup": Call(
        "rds", "create_db_parameter_group",
        lambda i: {"DBParameterGroupName": i["name"], "DBParameterGroupFamily": i["family"], "Description": "x"},
        {"id": "=DBParameterGroupName", "name": "=DBParameterGroupName"},
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Call(
        "ecr", "put_lifecycle_policy",
        lambda i: {"repositoryName": i["repository"], "lifecyclePolicyText": i["policy"]},
    ),
    "aws:backup/plan:Plan": Call("backup", "create_backup_plan", _plan, {"id": "BackupPlanId", "arn": "BackupPlanArn"}),
    "aws:sqs/queue:Queue": Call(
        "sqs", "create_queue", _queue, {"id": "QueueUrl", "url": "QueueUrl"},
        read=Read("get_queue_attributes", lambda i: {"QueueUrl": i["id"], "AttributeNames": ["All"]}, {
            "Attributes.VisibilityTimeout": "visibilityTimeoutSeconds",
            "Attributes.MessageRetentionPeriod": "messageRetentionSeconds",
        }),
    ),
    "aws:rds/subnetGroup:SubnetGroup": Call(
        "rds", "create_db_subnet_group",
        lambda i: {"DBSubnetGroupName": i["name"], "DBSubnetGroupDescription": "x", "SubnetIds": i["subnetIds"]},
        {"id": "=DBSubnetGroupName", "name": "=DBSubnetGroupName"},
    ),
    "aws:rds/globalCluster:GlobalCluster": Call(
        "rds", "create_global_cluster",
        lambda i: {"GlobalClusterIdentifier": i["globalClusterIdentifier"], "Engine": i["engine"],
                   "EngineVersion": i["engineVersion"], "StorageEncrypted": i["storageEncrypted"]},
        {"id": "GlobalCluster.GlobalClusterIdentifier"},
    ),
    "aws:rds/cluster:Cluster": Call(
        "rds", "create_db_cluster", _cluster,
        {"id": "DBCluster.DBClusterIdentifier", "arn": "DBCluster.DBClusterArn",
         "clusterIdentifier": "DBCluster.DBClusterIdentifier", "clusterResourceId": "DBCluster.DbClusterResourceId"},
        read=Read("describe_db_clusters", lambda i: {"DBClusterIdentifier": i["id"]}, {
            "DBClusters.0.StorageEncrypted": "storageEncrypted", "DBClusters.0.Port": "port",
            "DBClusters.0.BackupRetentionPeriod": "backupRetentionPeriod",
            "DBClusters.0.DeletionProtection": "deletionProtection", "DBClusters.0.EngineVersion": "engineVersion",
        }),
    ),
    "aws:rds/clusterInstance:ClusterInstance": Call(
        "rds", "create_db_instance",
        lambda i: {"DBInstanceIdentifier": i["identifier"], "DBInstanceClass": i["instanceClass"],
                   "Engine": i["engine"], "DBClusterIdentifier": i["clusterIdentifier"],
                   "AvailabilityZone": i["availabilityZone"]},
        read=Read("describe_db_instances", lambda i: {"DBInstanceIdentifier": i["identifier"]},
                  {"DBInstances.0.DBInstanceClass": "instanceClass"}),
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Call(
        "elasticache", "create_cache_subnet_group",
        lambda i: {"CacheSubnetGroupName": i["name"], "CacheSubnetGroupDescription": "x", "SubnetIds": i["subnetIds"]},
        {"id": "=CacheSubnetGroupName", "name": "=CacheSubnetGroupName"},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Call(
        "elasticache", "create_replication_group",
        lambda i: {"ReplicationGroupId": i["replicationGroupId"], "ReplicationGroupDescription": i["description"],
                   "Engine": i["engine"], "CacheNodeType": i["nodeType"], "NumCacheClusters": i["numCacheClusters"],
                   "AutomaticFailoverEnabled": i["automaticFailoverEnabled"],
                   "TransitEncryptionEnabled": i["transitEncryptionEnabled"]},
        {"id": "ReplicationGroup.ReplicationGroupId", "arn": "ReplicationGroup.ARN"},
    ),
    "aws:cloudfront/function:Function": Call(
        "cloudfront", "create_function",
        lambda i: {"Name": i["name"], "FunctionConfig": {"Comment": i.get("comment", ""), "Runtime": i["runtime"]},
                   "FunctionCode": i["code"].encode()},
        {"id": "FunctionSummary.Name", "arn": "FunctionSummary.FunctionMetadata.FunctionARN"},
    ),
    "aws:ecr/repository:Repository": Call(
        "ecr", "create_repository",
        lambda i: {"repositoryName": i["name"], "imageTagMutability": i["imageTagMutability"]},
        {"id": "repository.repositoryName", "name": "repository.repositoryName", "arn": "repository.repositoryArn"},
        read=Read("describe_repositories", lambda i: {"repositoryNames": [i["id"]]},
                  {"repositories.0.imageTagMutability": "imageTagMutability"}),
    ),
    "aws:eks/cluster:Cluster": Call(
        "eks", "create_cluster",
        lambda i: {"name": i["name"], "version": i["version"], "roleArn": i["roleArn"],
                   "resourcesVpcConfig": {"subnetIds": i["vpcConfig"]["subnetIds"]}},
        {"id": "cluster.name", "name": "cluster.name", "arn": "cluster.arn", "endpoint": "cluster.endpoint",
         "vpcConfig.clusterSecurityGroupId": "cluster.resourcesVpcConfig.clusterSecurityGroupId"},
        read=Read("describe_cluster", lambda i: {"name": i["id"]}, {"cluster.version": "version"}),
    ),
    "aws:eks/nodeGroup:NodeGroup": Call(
        "eks", "create_nodegroup", _node_group, {"id": "nodegroup.nodegroupName"},
        read=Read("describe_nodegroup", lambda i: {"clusterName": i["clusterName"], "nodegroupName": i["id"]}, {
            "nodegroup.scalingConfig.minSize": "scalingConfig.minSize",
            "nodegroup.scalingConfig.maxSize": "scalingConfig.maxSize",
        }),
    ),
    "aws:route53/zone:Zone": Call(
        "route53", "create_hosted_zone", lambda i: {"Name": i["name"], "CallerReference": "rehearsal"},
        {"id": "HostedZone.Id", "zoneId": "HostedZone.Id"},
    ),
    "aws:acm/certificate:Certificate": Call(
        "acm", "request_certificate",
        lambda i: {"DomainName": i["domainName"], "ValidationMethod": i["validationMethod"]},
        {"id": "CertificateArn", "arn": "CertificateArn"},
        read=Read("describe_certificate", lambda i: {"CertificateArn": i["id"]},
                  {"Certificate.DomainName": "domainName"}),
    ),
    "aws:backup/vault:Vault": Call(
        "backup", "create_backup_vault", lambda i: {"BackupVaultName": i["name"]},
        {"id": "BackupVaultName", "name": "BackupVaultName", "arn": "BackupVaultArn"},
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": Call(
        "backup", "put_backup_vault_lock_configuration",
        lambda i: {"BackupVaultName": i["backupVaultName"], "MinRetentionDays": i["minRetentionDays"],
                   "MaxRetentionDays": i["maxRetentionDays"]},
    ),
    "aws:budgets/budget:Budget": Call(
        "budgets", "create_budget",
        lambda i: {"AccountId": "123456789012", "Budget": {
            "BudgetName": i["name"], "BudgetType": i["budgetType"], "TimeUnit": i["timeUnit"],
            "BudgetLimit": {"Amount": i["limitAmount"], "Unit": i["limitUnit"]}}},
        read=Read("describe_budget", lambda i: {"AccountId": "123456789012", "BudgetName": i["name"]},
                  {"Budget.BudgetLimit.Amount": "limitAmount"}),
    ),
}  # fmt: skip
"""By type; parameters are what AWS's API takes."""
