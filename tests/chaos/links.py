"""What networks do to connections, between writer and gateway and between gateway and service."""

import time

from writer import Crowd, asks, hold_against, undisturbed_then_slow

SILENCE_S = 3  # after which a writer gives up a connection that says nothing
LINKS = {
    "delay": dict(delay=0.15),
    "cut": dict(cut_after=6_000),
    "half_open": dict(half_open=True),
    "trickle": dict(trickle=16_000),
}


BREAKS = ("cut", "half_open")


def start(stage):
    services = stage.services(2)
    requests = asks(8, n=3, max_tokens=60)
    whole = undisturbed_then_slow(services, requests)
    return services, requests, whole


def run_fault(result, name, proxy, doors, requests, whole):
    """It begins while texts grow, and ends with them; the stories."""
    crowd = Crowd(doors, requests, silence=SILENCE_S)
    crowd.wait_streaming(2 * len(requests))
    begun = time.monotonic()
    proxy.set(**LINKS[name])
    stories = crowd.join()
    proxy.set()
    hold_against(result, stories, whole, f"{name}_")
    result.tell(f"{name}_s", time.monotonic() - begun)
    return stories


# Deliberate break: leave `resume` out of Story.frame().
def editor_links(stage, result, short):
    """Delay, cut, half-open and trickle between writers and gateway: nothing is lost, nothing differs."""
    services, requests, whole = start(stage)
    gateway = stage.gateway([service.address for service in services])
    proxy = stage.proxy(gateway.address)
    for name in LINKS:
        stories = run_fault(result, name, proxy, [proxy.url, gateway.url], requests, whole)
        if name in BREAKS:
            result.at_least(f"{name}_came_back", sum(len(story.parts) > 1 for story in stories), 2)


# Deliberate break: a HealthProbe that calls every answer well leaves the requests behind the half-open link.
def service_links(stage, result, short):
    """The same between the gateway and one of two services, whose requests move where the link breaks."""
    services, requests, whole = start(stage)
    proxy = stage.proxy(services[0].address)
    for name in LINKS:
        gateway = stage.gateway([proxy.address, services[1].address])  # a new one trusts both alike
        run_fault(result, name, proxy, [gateway.url], requests, whole)
        if name in BREAKS:
            result.at_least(f"{name}_moved", gateway.metrics.sum("inkfleet_gateway_moves_total"), 2)
        gateway.close()


SCENARIOS = [editor_links, service_links]
