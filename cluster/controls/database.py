"""Controls 40 to 50: PostgreSQL, as Aurora or as RDS."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.graph.model import Resource

CLUSTER = "rds/cluster:Cluster"
MEMBER = "rds/clusterInstance:ClusterInstance"
INSTANCE = "rds/instance:Instance"
DEFAULT_PORT = 5432
DEFAULT_NAMES = ("admin", "administrator", "postgres", "root", "rdsadmin", "sa")
LEAST_ZONES = 2


@control("database-not-public", remedy="set publicly_accessible=False")
def databases_are_not_public(facts: Facts) -> Gaps:
    """Look for databases with an address on the internet."""
    for one in facts.of(MEMBER, INSTANCE):
        yield from must(one, "publiclyAccessible", False, default=False)


@control(
    "database-encrypted", remedy="set storage_encrypted and a kms_key_id when the database is made; later is too late"
)
def databases_are_encrypted(facts: Facts) -> Gaps:
    """Look for storage in plain text, or encrypted with a key that is not ours."""
    for one in facts.of(CLUSTER, INSTANCE, "rds/globalCluster:GlobalCluster"):
        yield from must(one, "storageEncrypted", True, default=False)
    for one in facts.of(CLUSTER, INSTANCE):
        if not facts.refers(one.get("kmsKeyId"), "kms/key:Key"):
            yield Gap(one.key, "kmsKeyId", "is no key of this account")


@control("database-deletion-protection", remedy="set database.deletion_protection")
def databases_are_protected(facts: Facts) -> Gaps:
    """Look for databases that one call deletes."""
    for one in facts.of(CLUSTER, INSTANCE):
        yield from must(one, "deletionProtection", True, default=False)


@control("database-multi-az", remedy="set database.readers to 1 or more")
def databases_survive_a_zone(facts: Facts) -> Gaps:
    """Look for databases that one zone takes along."""
    for cluster in facts.of(CLUSTER):
        members = facts.attached(cluster, MEMBER, "clusterIdentifier")
        zones = {one.get("availabilityZone") for one in members}
        if len(zones) < LEAST_ZONES:
            yield Gap(cluster.key, "", f"has {len(members)} instance(s) in {len(zones)} zone(s)")
    for one in facts.of(INSTANCE):
        yield from must(one, "multiAz", True, default=False)


@control("database-backup-retention", remedy="set database.backup_days to 14 or more")
def databases_can_go_back(facts: Facts) -> Gaps:
    """Look for backups that are gone before a bad write is noticed."""
    least = facts.decisions.backup_days
    for one in facts.of(CLUSTER, INSTANCE):
        days = int(one.get("backupRetentionPeriod") or 0)
        if days < least:
            yield Gap(one.key, "backupRetentionPeriod", f"is {days} days, less than {least}")


@control("database-iam-auth", remedy="set iam_database_authentication_enabled=True")
def databases_know_roles(facts: Facts) -> Gaps:
    """Look for databases that know only passwords."""
    for one in facts.of(CLUSTER, INSTANCE):
        yield from must(one, "iamDatabaseAuthenticationEnabled", True, default=False)


@control("database-log-export", remedy="set database.export_logs")
def database_logs_are_exported(facts: Facts) -> Gaps:
    """Look for databases whose log nobody can read afterwards."""
    for one in facts.of(CLUSTER, INSTANCE):
        if "postgresql" not in (one.get("enabledCloudwatchLogsExports") or ()):
            yield Gap(one.key, "enabledCloudwatchLogsExports", "leaves out postgresql")


@control(
    "database-force-tls", remedy="set rds.force_ssl to 1 in the parameter group, and name that group in the database"
)
def databases_refuse_clear_text(facts: Facts) -> Gaps:
    """Look for databases that answer without TLS."""
    places = [(one, "dbClusterParameterGroupName") for one in facts.of(CLUSTER)]
    places += [(one, "parameterGroupName") for one in facts.of(INSTANCE)]
    for database, path in places:
        group = facts.graph.target(database.get(path))
        if group is None:
            yield Gap(database.key, path, "is no parameter group of this program")
        elif not _forces_tls(group):
            yield Gap(group.key, "parameters", f"does not set rds.force_ssl to 1, for {database.key}")


def _forces_tls(group: Resource) -> bool:
    parameters = {one.get("name"): str(one.get("value")) for one in group.get("parameters") or ()}
    return parameters.get("rds.force_ssl") == "1"


@control("database-minor-upgrades", remedy="set auto_minor_version_upgrade=True")
def databases_take_minor_upgrades(facts: Facts) -> Gaps:
    """Look for databases that get no security fixes by themselves."""
    for one in facts.of(MEMBER, INSTANCE):
        yield from must(one, "autoMinorVersionUpgrade", True, default=True)


@control(
    "database-custom-port-and-admin", remedy="choose another port and administrator; both are changed only with effort"
)
def databases_are_not_guessed(facts: Facts) -> Gaps:
    """Look for what is tried first: the engine's own port, and a name that everybody knows."""
    for one, name in [
        *((one, "masterUsername") for one in facts.of(CLUSTER)),
        *((one, "username") for one in facts.of(INSTANCE)),
    ]:
        port = one.get("port", DEFAULT_PORT)
        if port == DEFAULT_PORT:
            yield Gap(one.key, "port", f"is {port}, the engine's default")
        if str(one.get(name, "")).lower() in DEFAULT_NAMES:
            yield Gap(one.key, name, f"is {one.get(name)}, which is tried first")


@control("database-tags-to-snapshots", remedy="set copy_tags_to_snapshot=True")
def snapshots_have_tags(facts: Facts) -> Gaps:
    """Look for databases whose copies say neither owner nor data class."""
    for one in facts.of(CLUSTER, INSTANCE):
        yield from must(one, "copyTagsToSnapshot", True, default=False)
