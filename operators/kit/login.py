"""Where the API server is and who asks: in a pod by its service account, elsewhere by a kubeconfig.

Out: a `Login` that fills in the client's configuration, again after a 401, since tokens are rotated.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)
from kubernetes.aio.config.kube_config import load_kube_config

Login = Callable[[Configuration], Awaitable[None]]


def default_login(kubeconfig: Path | None = None, context: str = "") -> Login:
    """Return the login to use: the given kubeconfig, else the pod's service account, else kubectl's default."""
    if kubeconfig is None and os.environ.get(SERVICE_HOST_ENV_NAME):
        return _in_cluster

    async def by_kubeconfig(configuration: Configuration) -> None:
        await load_kube_config(
            config_file=str(kubeconfig) if kubeconfig else None,
            context=context or None,
            client_configuration=configuration,
            persist_config=False,
        )

    return by_kubeconfig


def new_configuration() -> Configuration:
    """Return the client's settings that do not depend on who asks."""
    configuration = Configuration()
    # Every watch holds a connection for minutes: a full pool would starve the writes. Transport bounds the rest.
    configuration.connection_pool_maxsize = 0
    # Python 3.13 refuses cluster CAs without an authority key identifier, which kubectl accepts.
    configuration.disable_strict_ssl_verification = True
    # Proxies of the environment are for the internet; one in front of the API server stands in the kubeconfig.
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


async def _in_cluster(configuration: Configuration) -> None:
    InClusterConfigLoader(SERVICE_TOKEN_FILENAME, SERVICE_CERT_FILENAME).load_and_set(configuration)
