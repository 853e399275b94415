"""Restarts in turn, drains, and a load balancer that cuts what is old."""

import signal
import time

import faults
from stage import MODEL
from writer import STEP_MS, Crowd, asks, hold_against, undisturbed_then_slow

DRAIN_S = 2
GOODBYE_S = 6  # beside the drain
GATEWAY_GOODBYE_S = 7
RESTARTED = 1012
AGE_S = 5


def behind(stage, services, **config):
    """Two gateways before the services, and HAProxy before both."""
    gateways = [stage.gateway([service.address for service in services], **config) for _ in range(2)]
    return gateways, stage.haproxy([gateway.address for gateway in gateways])


def end(server, seconds: float) -> tuple:
    """SIGTERM, and how it went: exit status and time."""
    told = time.monotonic()
    server.kill(signal.SIGTERM)
    return server.program.process.wait(seconds), time.monotonic() - told


# Deliberate break: leave `resume` out of Story.frame(): a writer that comes back after a gateway's restart gets its beginning twice.
def rolling_restart(stage, result, short):
    """All services and then both gateways are restarted in turn under load: no stream is cut short, none says anything twice."""
    services = stage.services(2, "--drain-seconds", DRAIN_S)
    requests = asks(24, n=3, max_tokens=120)
    whole = undisturbed_then_slow(services, requests)
    gateways, balancer = behind(stage, services)
    crowd = Crowd([balancer.url], requests, writers=8, rounds=None)
    for round in range(1 if short else 5):
        for service in services:
            crowd.wait_streaming(12)
            result.equals("service_exit", end(service, 60)[0], 0)
            service.restart().slow(STEP_MS)
            for gateway in gateways:
                gateway.wait_connected(2)
        for i, gateway in enumerate(gateways):
            crowd.wait_streaming(12)
            result.equals("gateway_exit", end(gateway, 60)[0], 0)
            balancer.wait(MODEL, [other != i for other in range(2)])
            gateway.restart().wait_connected(2)
            balancer.wait(MODEL, [True, True])
    stories = crowd.stop()
    hold_against(result, stories, whole)
    result.tell("requests", len(stories))
    result.at_least("resumed", sum(len(story.parts) > 1 for story in stories), 2)


# Deliberate breaks: a HttpConnection::go_away() that says 1001; a drain_when_told() without a limit hands nothing over.
def drain(stage, result, short):
    """SIGTERM under load: a service is unready at once, hands over what it cannot finish and exits 0; so does a gateway, with 1012."""
    services = stage.services(2, "--drain-seconds", DRAIN_S)
    requests = asks(16, n=3, max_tokens=200)
    whole = undisturbed_then_slow(services, requests)
    gateways, balancer = behind(stage, services)

    crowd = Crowd([gateways[0].url], requests)
    crowd.wait_streaming(2 * len(requests))
    told = time.monotonic()
    services[0].kill(signal.SIGTERM)
    faults.wait_unhealthy(services[0].address, told, 1, "/readyz")
    result.at_most("unready_s", time.monotonic() - told, 1, paced=True)
    status = services[0].program.process.wait(60)
    result.at_most("exit_s", time.monotonic() - told, DRAIN_S + GOODBYE_S, paced=True)
    result.equals("status", status, 0)
    result.at_least("handed_over", gateways[0].metrics.sum("inkfleet_gateway_moves_total"), 1)
    hold_against(result, crowd.join(), whole, "service_")
    services[0].restart().slow(STEP_MS)
    gateways[0].wait_connected(2)

    crowd = Crowd([gateways[0].url, gateways[1].url], requests, silence=10)
    crowd.wait_streaming(2 * len(requests))
    status, seconds = end(gateways[0], 60)
    result.at_most("gateway_exit_s", seconds, GATEWAY_GOODBYE_S, paced=True)
    result.equals("gateway_status", status, 0)
    stories = crowd.join()
    hold_against(result, stories, whole, "gateway_")
    goodbyes = [code for story in stories for code in story.goodbyes]
    result.at_least("said_1012", goodbyes.count(RESTARTED), len(requests) // 2)


# Deliberate breaks: leave `resume` out of Story.frame(): what has been sent is sent again; a TextStream::resume() that counts from 0.
def age_cut(stage, result, short):
    """A balancer cuts every connection at the age of 5 s, however lively: writers come back to any gateway and lose nothing."""
    services = stage.services(2)
    requests = asks(16, n=3, max_tokens=300)
    whole = undisturbed_then_slow(services, requests)
    _, balancer = behind(stage, services)
    cutting = stage.proxy(balancer.address, age=AGE_S)
    stories = Crowd([cutting.url], requests, rounds=1 if short else 5).join()
    hold_against(result, stories, whole)
    result.at_least("cut", sum(len(story.parts) - 1 for story in stories), len(requests))


# Deliberate break: kReconnect = 0 in Relay: when all connections are cut at once, no service is connected for a moment.
def service_age_cut(stage, result, short):
    """The same between gateway and services, where all connections are of one age and so are cut at once."""
    services = stage.services(2)
    requests = asks(16, n=3, max_tokens=150)
    whole = undisturbed_then_slow(services, requests)
    cutting = [stage.proxy(service.address, age=AGE_S) for service in services]
    gateway = stage.gateway([proxy.address for proxy in cutting])
    stories = Crowd([gateway.url], requests, rounds=2 if short else 10).join()
    hold_against(result, stories, whole)
    result.at_least("moved", gateway.metrics.sum("inkfleet_gateway_moves_total"), len(requests))


SCENARIOS = [rolling_restart, drain, age_cut, service_age_cut]
