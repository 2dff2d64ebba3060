"""The client for asyncio: the same calls, awaited. One client belongs to one event loop.

    async with stead_client.aio.Client() as client:
        result = await client.execute("hello", {"name": "Ada"})

Cancelling the task cancels the call; a request that was accepted still runs and has a result.
"""
import asyncio

import grpc

from . import _calls


class Client:
    """Settings and calls as of stead_client.Client."""

    def __init__(self, address=None, *, connections=2, timeout=_calls.TIMEOUT, retries=_calls.RETRIES, keepalive=30,
                 credentials=None, options=()):
        self.address, self._timeout, self._retries = _calls.address_of(address), timeout, retries
        arguments = _calls.channel_options(keepalive, options)
        self._lanes = [
            _calls.Lane(
                grpc.aio.secure_channel(self.address, credentials, arguments)
                if credentials
                else grpc.aio.insecure_channel(self.address, arguments)
            )
            for _ in range(max(1, connections))
        ]

    async def execute(self, name, event=None, *, timeout=None):
        return _calls.executed(await self._call("execute", _calls.execute_request(name, event), timeout))

    async def submit(self, name, event=None, *, timeout=None):
        return _calls.submitted(await self._call("submit", _calls.submit_request(name, event), timeout))

    async def result(self, request_id, *, wait=True, timeout=None):
        return _calls.stored(await self._call("result", _calls.result_request(request_id, wait), timeout))

    async def cancel(self, request_id, *, timeout=None):
        await self._call("cancel", _calls.cancel_request(request_id), timeout)

    async def close(self):
        await asyncio.gather(*(lane.channel.close() for lane in self._lanes))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def _call(self, method, request, timeout):
        attempts = _calls.Attempts(self._timeout if timeout is None else timeout, self._retries)
        while True:
            lane = _calls.least_busy(self._lanes)
            lane.busy += 1
            try:
                return await lane.calls[method](request, timeout=attempts.timeout())
            except grpc.RpcError as error:
                delay = attempts.failed(error)
            finally:
                lane.busy -= 1
            await asyncio.sleep(delay)
