"""Devices and engines that fail, ordered at /faults, seen from a balancer and a supervisor."""

import time

import faults
from stage import MODEL
from writer import Crowd, asks, hold_against, undisturbed

LIMITS_S = {"hang_engine": 3, "hang_device": 3, "fatal_device_error": 1}
FATAL_STATUS = 70
WAIT_S = 10
ROTATION_S = 3  # two checks that fail, a second apart, the first up to a second after the answer changed


# Deliberate breaks: a judge() that leaves out engine or device; an on_device_error() in main.cpp that latches nothing: then a process
# with a lost device stays.
def device_faults(stage, result, short):
    """Engine hung, device hung, fatal error: 503 in time, out of HAProxy's rotation, back after a restart."""
    sick, well = stage.services(2)
    balancer = stage.haproxy([sick.address, well.address])
    requests = asks(16, n=3, max_tokens=60)
    whole = undisturbed(well.url, requests)
    gateway = stage.gateway([sick.address, well.address])
    for fault, limit in LIMITS_S.items():
        for service in sick, well:
            service.slow(20)
        crowd = Crowd([gateway.url], requests, writers=6, rounds=None)
        crowd.wait_streaming(12)
        ordered = time.monotonic()
        faults.order(sick.address, fault)
        faults.wait_unhealthy(sick.address, ordered, limit=3 * limit)
        noticed = time.monotonic() - ordered
        result.at_most(f"{fault}_503_s", noticed, limit, paced=True)
        result.at_most("out_s", noticed + balancer.wait(MODEL, [False, True]), limit + ROTATION_S, paced=True)
        if fault == "fatal_device_error":
            result.equals("exit", sick.program.process.wait(WAIT_S), FATAL_STATUS)
        supervisor = stage.supervisor([sick])
        balancer.wait(MODEL, [True, True])
        supervisor.close()
        gateway.wait_connected(2)
        hold_against(result, crowd.stop(), whole)
        result.note(f"{fault}: restarted because of {', '.join(why for _, why in supervisor.restarts)}")


SCENARIOS = [device_faults]
