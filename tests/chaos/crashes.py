"""Services that die, hang, are poisoned or fail fast, while writers are at work."""

import signal
import time

import faults
from failing_replica import FailingReplica
from stage import MODEL, MODELS
from tokenizers import Tokenizer
from writer import STEP_MS, Crowd, asks, hold_against, undisturbed, undisturbed_then_slow

REQUESTS = 40
DETECTED_S = 3.0
MOVED_WITHIN_MS = 300
GROWING_S = 0.25  # since its last text; one that has the prompt's first token and waits for its turn is not growing
STEPS_UNDER_WAY = 3  # whose tokens a service that is killed has decoded and not sent
SEQUENCES = 64  # that decode in one step
DEATHS = 3
FAILING_SHARE = 0.05
MOVED = 5


def live(crowd) -> int:
    return sum(bool(story.parts) and not story.end for story in crowd.stories)


def came_after(stories, moment: float) -> int:
    """Tokens that writers got later than that."""
    return sum(len(delta["tokens"]) for story in stories for index, grown in story.grown.items()
               for delta, at in zip(story.deltas(index), grown, strict=True) if at > moment)


def longest_gap_ms(stories, moment: float) -> float:
    """Of the suggestions that were growing at that moment: the longest time without text across it."""
    gaps = [0.0]
    for story in stories:
        for grown in story.grown.values():
            before = [at for at in grown if at <= moment]
            after = [at for at in grown if at > moment]
            if before[1:] and after and moment - before[-1] < GROWING_S:
                gaps.append(1000 * (after[0] - before[-1]))
    return max(gaps)


def as_they_stood(stories, moment: float) -> list:
    """The requests that had text and no end at that moment, for a service to go on with."""
    requests = []
    for story in stories:
        resume = []
        for index, grown in story.grown.items():
            held = sum(len(delta["tokens"]) for delta, at in zip(story.deltas(index), grown, strict=True) if at <= moment)
            if 0 < held < len(story.tokens[index]):
                resume.append({"index": index, "tokens": story.tokens[index][:held]})
        if resume:
            requests.append({**story.ask, "resume": resume})
    return requests


def prefill_ms(service, requests) -> float:
    """How long a service takes that is asked for all of it at once, until each has new text."""
    begun = time.monotonic()
    crowd = Crowd([service.url], requests)
    return 1000 * (max(grown[0] for story in crowd.join() for grown in story.grown.values()) - begun)


def decoded(service) -> float:
    return service.metrics.sum("inkfleet_engine_decode_rows_total")


# Deliberate breaks: a Progress::rest() without tokens decodes everything again; a FairQueue without kResumedLead, whose push()
# appends, lets what was running wait behind what was not.
def kill(stage, result, short):
    """kill -9 of a busy service: another one goes on, nobody loses a byte, nothing is decoded twice."""
    first, second = stage.services(2)
    whole = undisturbed_then_slow([second, first], asks(REQUESTS, max_tokens=60))
    gateway = stage.gateway([first.address, second.address])
    before = decoded(first) + decoded(second)
    crowd = Crowd([gateway.url], asks(REQUESTS, max_tokens=60))
    crowd.wait_streaming(100, pieces=10)
    result.equals("live", live(crowd), REQUESTS)
    at_second, at_first = decoded(second), decoded(first)
    first.kill()
    moment = time.monotonic()
    stories = crowd.join()
    hold_against(result, stories, whole)
    result.at_least("moved", gateway.metrics.sum("inkfleet_gateway_moves_total"), MOVED)
    texts = [tokens for story in whole.values() for tokens in story.tokens.values()]
    once = sum(map(len, texts)) - len(texts)  # the first token is the prompt's
    again = at_first + decoded(second) - before - once
    result.at_most("decoded_again", again, SEQUENCES * STEPS_UNDER_WAY)
    rest = came_after(stories, moment) - len(texts) - 2 * SEQUENCES * STEPS_UNDER_WAY  # both services' steps
    result.at_least("decoded_by_survivor", decoded(second) - at_second, rest)
    first.restart().slow(STEP_MS)
    prefill = prefill_ms(first, as_they_stood(stories, moment)[::2])  # half was at each
    result.tell("prefill_ms", prefill)
    result.at_most("gap_ms", longest_gap_ms(stories, moment), MOVED_WITHIN_MS + prefill, paced=True)


# Deliberate break: a HealthProbe that calls every answer well; then the requests stay until their deadline.
def hang(stage, result, short):
    """SIGSTOP of a busy service and SIGCONT later: its requests go on elsewhere, what it says too late is dropped."""
    first, second = stage.services(2)
    whole = undisturbed_then_slow([second, first], asks(REQUESTS, max_tokens=60))
    gateway = stage.gateway([first.address, second.address])
    crowd = Crowd([gateway.url], asks(REQUESTS, max_tokens=60))
    crowd.wait_streaming(100, pieces=10)
    result.equals("live", live(crowd), REQUESTS)
    first.kill(signal.SIGSTOP)
    moment = time.monotonic()
    gateway.metrics.wait("inkfleet_gateway_moves_total", lambda moves: moves > 0, 2 * DETECTED_S)
    result.at_most("detected_s", time.monotonic() - moment, DETECTED_S, paced=True)
    crowd.wait(lambda stories: sum(bool(story.end) for story in stories) >= REQUESTS // 2)
    first.kill(signal.SIGCONT)
    hold_against(result, crowd.join(), whole)
    result.at_least("moved", gateway.metrics.sum("inkfleet_gateway_moves_total"), MOVED)
    gateway.metrics.wait("inkfleet_gateway_upstream_probe_ok", lambda well: well == 2)
    hold_against(result, Crowd([gateway.url], asks(REQUESTS // 2, max_tokens=60)).join(), whole)


# Deliberate break: kMoves = 9 in Relay.
def poison(stage, result, short):
    """A request that kills what computes it: three services die, then it is told so; the others live."""
    services = stage.services(DEATHS + 2)
    tokenizer = Tokenizer.from_file(str(MODELS / MODEL / "tokenizer.json"))
    whole = undisturbed(services[0].url, asks(REQUESTS // 2, n=2))
    seen = {token for story in whole.values() for tokens in story.tokens.values() for token in tokens}
    seen |= {token for ask in asks(REQUESTS // 2) for token in tokenizer.encode(ask["prompt"]).ids}
    token = next(token for token in range(300, tokenizer.get_vocab_size())
                 if token not in seen and tokenizer.encode(tokenizer.decode([token])).ids == [token])
    for service in services:
        faults.order(service.address, "exit_on_token", token=token)
        service.slow(STEP_MS)
    gateway = stage.gateway([service.address for service in services])
    crowd = Crowd([gateway.url], asks(REQUESTS // 2, n=2))
    crowd.wait_streaming(REQUESTS // 2)
    [poisoned] = Crowd([gateway.url], [dict(asks(1)[0], prompt=tokenizer.decode([token]))]).join()
    stories = crowd.join()
    result.equals("died", sum(service.ended() for service in services), DEATHS)
    result.at_least("told_internal", int((poisoned.end or {}).get("code") == "internal"), 1)
    result.at_least("bystanders_whole", sum(not story.lost for story in stories), 1)
    different = [story for story in stories if not story.lost and not story.same_as(whole[story.ask["seed"]])]
    result.at_most("different", len(different), 0)
    after = Crowd([gateway.url], asks(REQUESTS // 4, n=2)).join()
    result.at_most("lost_after", sum(story.lost for story in after), 0)


# Deliberate break: kFailureWeight = 0 in Balancer; then what fails at once looks idle and draws everything.
def failing_replica(stage, result, short):
    """Replicas that accept and reset, or answer `internal` at once: they draw almost nothing, the others are not disturbed."""
    services = stage.services(2)
    requests = asks(REQUESTS, n=2, max_tokens=20)
    whole = undisturbed(services[0].url, requests)
    failing = stage.enter_context(FailingReplica())
    resetting = stage.proxy(services[0].address, refuse=True)
    addresses = [failing.address, resetting.address, *(service.address for service in services)]
    gateway = stage.gateway(addresses, connected=3)
    crowd = Crowd([gateway.url], requests, writers=8, rounds=20 if short else 100)
    stories = crowd.join()
    hold_against(result, stories, whole)
    result.tell("requests", len(stories))
    result.at_least("failing_asked", failing.asked, 1)
    result.at_most("failing_share", failing.asked / len(stories), FAILING_SHARE, paced=True)


SCENARIOS = [kill, hang, poison, failing_replica]
