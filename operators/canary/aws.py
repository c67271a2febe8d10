"""boto3 off the event loop: the default credential chain, AWS_ENDPOINT_URL, bounded in time and threads.

In: a blocking function of a client. Out: what it returns; AWS' own errors as Outage. boto3 is imported when first used:
it takes 40 MB, and a cluster without AWS never needs it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .metrics import Outage

T = TypeVar("T")
THREADS = 4
CALL_S = 20.0


class Aws:
    """Clients by service and region, each made once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = asyncio.Lock()

    async def call(self, service: str, region: str, function: Callable[[Any], T]) -> T:
        """Run `function(client)` in a thread; raises Outage with what AWS said."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_S):
                async with self._making:
                    client = self._clients.get((service, region))
                    if client is None:
                        client = await loop.run_in_executor(self._threads, _client, service, region)
                        self._clients[service, region] = client
                return await loop.run_in_executor(self._threads, function, client)
        except TimeoutError:
            raise Outage(f"{service} did not answer within {CALL_S:g} s") from None
        except _errors() as error:
            raise Outage(f"{service}: {error}") from error

    def close(self) -> None:
        """Let the threads end; what is under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()


def _client(service: str, region: str) -> Any:
    boto3 = importlib.import_module("boto3")
    config = importlib.import_module("botocore.config").Config(
        connect_timeout=3, read_timeout=8, retries={"mode": "standard", "max_attempts": 2}
    )
    return boto3.session.Session().client(service, region_name=region or None, config=config)


def _errors() -> tuple[type[Exception], ...]:
    exceptions = importlib.import_module("botocore.exceptions")
    return exceptions.BotoCoreError, exceptions.ClientError
