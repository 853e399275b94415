"""The OpenAI-compatible door, as OpenAI's own Python client uses it. Every request and answer is held against /openapi.json."""

import functools
import http.client
import json
import socket

import httpx2
import openai
import pytest

import programs
from editor import Editor
from metrics import Metrics
from openapi import CheckedTransport, OpenApi

MODEL, ALIAS = "gpt2-demo", "gpt2-medium"
PROMPT = "The old castle"


@pytest.fixture(scope="module")
def api(fleet) -> OpenApi:
    return OpenApi(fleet.http("gateway"))


@pytest.fixture
def transport(api):
    transport = CheckedTransport(api)
    yield transport
    assert transport.checked, "nothing was held against the document"


@pytest.fixture
def client(fleet, transport):
    with openai.OpenAI(
        base_url=fleet.http("gateway") + "/v1",
        api_key="none is asked for",
        max_retries=0,
        timeout=60,
        http_client=httpx2.Client(transport=transport),
    ) as client:
        yield client


@pytest.fixture
def create(client):
    def create(**fields):
        return client.completions.create(**{"model": MODEL, "prompt": PROMPT, "max_tokens": 8, **fields})

    return create


def test_models_are_listed_and_shown(client):
    models = {model.id: model for model in client.models.list()}
    assert list(models) == ["gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"]
    assert ALIAS in models[MODEL].aliases
    assert client.models.retrieve(MODEL).id == client.models.retrieve(ALIAS).id == MODEL
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("gpt-5")
    assert (missing.value.code, missing.value.param) == ("unknown_model", "model")


def test_a_completion_is_what_the_protocol_gives(fleet, create):
    completion = create(model=ALIAS, seed=5)
    assert completion.object == "text_completion" and completion.id.startswith("cmpl-") and completion.model == MODEL
    (choice,) = completion.choices
    assert choice.finish_reason == "length" and choice.index == 0 and choice.logprobs is None
    with Editor(fleet.url("gateway")) as editor:
        request = editor.complete(PROMPT, max_tokens=8, seed=5, temperature=1)
    assert choice.text == request.text()
    used = request.end["usage"]
    assert completion.usage.prompt_tokens == used["prompt_tokens"] == 3
    assert completion.usage.completion_tokens == used["completion_tokens"] == 8
    assert completion.usage.total_tokens == 11
    assert request.end["receipt"]["weights"] in completion.system_fingerprint


# Deliberate break: a seed that is not passed on.
def test_the_same_seed_gives_the_same_text(create):
    one, two, other = create(seed=7, n=2), create(seed=7, n=2), create(seed=8, n=2)
    assert [choice.text for choice in one.choices] == [choice.text for choice in two.choices]
    assert [choice.text for choice in one.choices] != [choice.text for choice in other.choices]


def test_a_stream_spells_the_whole(create):
    fields = dict(n=3, seed=3, max_tokens=20)
    whole = create(**fields)
    texts, reasons, usage = {}, {}, None
    for event in create(**fields, stream=True, stream_options={"include_usage": True}):
        assert event.id.startswith("cmpl-") and event.object == "text_completion"
        usage = event.usage or usage
        for choice in event.choices:
            assert choice.index not in reasons, "text after the end"
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    assert texts == {choice.index: choice.text for choice in whole.choices}
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}
    assert usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("stop", ["e", ["e", "zzz"]])
def test_stop_ends_before_the_string(create, stop):
    completion = create(stop=stop, seed=1, max_tokens=60)
    assert completion.choices[0].finish_reason == "stop"
    assert "e" not in completion.choices[0].text


def test_prompts_are_texts_or_tokens_or_lists_of_either(create, tokenizer):
    ids = tokenizer.encode(PROMPT).ids
    other = tokenizer.encode("Once upon").ids
    fields = dict(seed=11, temperature=0, n=2)
    one = create(prompt=PROMPT, **fields)
    assert create(prompt=ids, **fields).choices == one.choices
    both = create(prompt=[PROMPT, "Once upon"], **fields)
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in both.choices[:2]] == [choice.text for choice in one.choices]
    assert create(prompt=[ids, other], **fields).choices == both.choices
    assert both.usage.prompt_tokens == len(ids) + len(other)
    assert create(prompt="", **fields).usage.prompt_tokens == 1


def test_echo_puts_the_prompt_first(create, tokenizer):
    plain = create(temperature=0).choices[0].text
    assert create(temperature=0, echo=True).choices[0].text == PROMPT + plain
    ids = tokenizer.encode(PROMPT).ids
    assert create(prompt=ids, temperature=0, echo=True).choices[0].text == PROMPT + plain
    streamed = create(temperature=0, echo=True, stream=True)
    assert "".join(event.choices[0].text for event in streamed) == PROMPT + plain


# Deliberate break: texts of the alternatives in another order than their numbers.
def test_logprobs_name_tokens_by_their_text(fleet, create, tokenizer):
    text = create(temperature=0, logprobs=3)
    (choice,) = text.choices
    with Editor(fleet.url("gateway")) as editor:
        request = editor.complete(PROMPT, max_tokens=8, temperature=0, logprobs=3)
    given = [entry for delta in request.deltas for entry in delta["logprobs"]]
    spelled = [tokenizer.decode([token], skip_special_tokens=False) for token in request.tokens[0]]
    logprobs = choice.logprobs
    assert logprobs.tokens == spelled
    assert logprobs.token_logprobs == pytest.approx([entry["logprob"] for entry in given])
    for entry, by_text in zip(given, logprobs.top_logprobs, strict=True):
        expected = {tokenizer.decode([id], skip_special_tokens=False): value for id, value in entry["top"]}
        assert by_text == pytest.approx(expected)
    assert logprobs.text_offset == [len("".join(spelled[:i])) for i in range(len(spelled))]
    offsets = [offset for event in create(temperature=0, logprobs=0, stream=True) for offset in event.choices[0].logprobs.text_offset]
    assert offsets == logprobs.text_offset


REFUSED = [
    ({"suffix": " the end"}, "suffix"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"frequency_penalty": -0.5}, "frequency_penalty"),
    ({"best_of": 2}, "best_of"),
    ({"n": 2, "best_of": 1}, "best_of"),
    ({"n": 33}, "n"),
    ({"n": 5, "prompt": ["a"] * 32}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 1025}, "max_tokens"),
    ({"temperature": 2.1}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"seed": -1}, "seed"),
    ({"logprobs": 6}, "logprobs"),
    ({"echo": True, "logprobs": 1}, "echo"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ({"stop": ""}, "stop"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"prompt": []}, "prompt"),
    ({"prompt": [50257]}, "prompt"),
    ({"prompt": [[1], [-1]]}, "prompt"),
    ({"prompt": ["a"] * 33}, "prompt"),
    ({"extra_body": {"deadline_ms": 1}}, "deadline_ms"),
]


@pytest.mark.parametrize("fields, param", REFUSED, ids=lambda value: value if isinstance(value, str) else None)
def test_a_refusal_names_the_parameter(create, fields, param):
    with pytest.raises(openai.BadRequestError) as refused:
        create(**fields)
    assert refused.value.param == param and refused.value.code == "bad_request"
    assert param in str(refused.value)


def longest_token() -> int:
    vocabulary = json.loads((programs.MODELS / MODEL / "vocab.json").read_text())
    return vocabulary[max(vocabulary, key=len)]


# Deliberate break: leave out check_spelled(): `started` breaks the service's connection, or here is just a long answer.
def test_other_refusals_have_statuses_of_their_own(create):
    for fields, error, code in [
        ({"model": "gpt-5"}, openai.NotFoundError, "unknown_model"),
        ({"prompt": "x" * 70_000}, openai.APIStatusError, "too_large"),
        ({"prompt": [1] * 5_000}, openai.APIStatusError, "too_large"),
        ({"prompt": [longest_token()] * 4_096}, openai.APIStatusError, "too_large"),
        ({"prompt": "x" * 50_000, "n": 32, "extra_body": {"echo": True}}, openai.APIStatusError, "too_large"),
        ({"logprobs": 1, "n": 32, "max_tokens": 1000}, openai.APIStatusError, "too_large"),
        ({"max_tokens": 1024, "n": 32, "extra_body": {"deadline_ms": 100}}, openai.InternalServerError, None),
    ]:
        with pytest.raises(error) as refused:
            create(**fields)
        assert refused.value.code == code or (code is None and refused.value.code in ("deadline", "overloaded"))
        status = {"unknown_model": 404, "too_large": 413, "deadline": 504, "overloaded": 503}[refused.value.code]
        assert refused.value.status_code == status


def test_chat_is_told_where_completions_are(client):
    client.models.list()
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    assert "/v1/completions" in missing.value.body["message"]


ENDED, ABANDONED = "inkfleet_gateway_requests_total", ('door="openai"', 'outcome="abandoned"')


# Deliberate break: a CompletionAnswer whose on_closed() abandons nothing.
def test_a_client_that_goes_away_stops_its_request(fleet, create):
    service, gateway = Metrics(fleet.http("service")), Metrics(fleet.http("gateway"))
    before = gateway.sum(ENDED, may_be_absent=True, labels=ABANDONED)
    stream = create(max_tokens=1000, n=8, stream=True)
    next(iter(stream))
    stream.close()
    service.wait("inkfleet_running_suggestions", lambda running: running == 0)
    gateway.wait(ENDED, lambda ended: ended == before + 1, may_be_absent=True, labels=ABANDONED)
    body = json.dumps({"model": MODEL, "prompt": PROMPT, "max_tokens": 1000, "n": 8}).encode()
    with socket.create_connection((fleet.gateway.host, fleet.gateway.port)) as raw:
        raw.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        service.wait("inkfleet_running_suggestions", lambda running: running == 8)
    service.wait("inkfleet_running_suggestions", lambda running: running == 0)
    gateway.wait(ENDED, lambda ended: ended == before + 2, labels=ABANDONED)
    assert create().choices


def test_a_body_over_the_limit_is_refused(fleet):
    connection = http.client.HTTPConnection(fleet.gateway.address, timeout=10)
    connection.putrequest("POST", "/v1/completions")
    connection.putheader("Content-Length", str(1024 * 1024 + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and json.load(answer)["error"]["code"] == "too_large"


@pytest.mark.parametrize("method, path, allowed", [("GET", "/v1/completions", "POST"), ("POST", "/v1/models", "GET")])
def test_other_methods_are_told_which(fleet, method, path, allowed):
    connection = http.client.HTTPConnection(fleet.gateway.address, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_keys_and_limits_are_those_of_the_other_door(fleet, tmp_path):
    (tmp_path / "keys").write_text("alice alices-key-0123456789\n")
    config = {
        "listen": "127.0.0.1:0",
        "routes": [programs.route(MODEL, [fleet.models[MODEL].address])],
        "auth": {"key_file": str(tmp_path / "keys")},
        "limits": {"live_requests_per_caller": 2},
    }
    gateway = programs.start_gateway(config, tmp_path)
    try:
        gateway.wait_listening().wait_ready().wait_serving(MODEL)
        make = functools.partial(openai.OpenAI, base_url=f"http://{gateway.address}/v1", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            make(api_key="wrong").completions.create(model=MODEL, prompt=PROMPT)
        with pytest.raises(openai.AuthenticationError):
            make(api_key="wrong").models.list()
        client = make(api_key="alices-key-0123456789")
        assert client.completions.create(model=MODEL, prompt=[PROMPT] * 2, max_tokens=2).choices
        with pytest.raises(openai.RateLimitError) as limited:
            client.completions.create(model=MODEL, prompt=[PROMPT] * 3, max_tokens=2)
        assert limited.value.response.headers["Retry-After"] == "1"
        with pytest.raises(openai.BadRequestError):
            client.completions.create(model=MODEL, prompt=PROMPT, n=33)
        metrics = Metrics(f"http://{gateway.address}")
        for status, times in {"400": 1, "401": 2, "429": 1}.items():
            assert metrics.sum("inkfleet_gateway_refused_total", labels=[f'status="{status}"']) == times
    finally:
        gateway.close()


def test_another_service_goes_on_within_the_stream(tmp_path):
    services = [programs.start_model(MODEL, tmp_path, extra=["--dtype", "int8"]) for _ in range(2)]
    gateway = None
    try:
        for service in services:
            service.wait_listening().wait_ready()
        routes = [programs.route(MODEL, [service.address for service in services])]
        gateway = programs.start_gateway({"listen": "127.0.0.1:0", "routes": routes}, tmp_path)
        gateway.wait_listening().wait_ready().wait_serving(MODEL)
        gate = Metrics(f"http://{gateway.address}")
        gate.wait("inkfleet_gateway_upstream_connected", lambda up: up == 2)
        client = openai.OpenAI(base_url=f"http://{gateway.address}/v1", api_key="none", max_retries=0)
        fields = dict(model=MODEL, prompt=PROMPT, max_tokens=400, seed=21, n=3)
        whole = client.completions.create(**fields)
        stream = client.completions.create(**fields, stream=True)
        texts = {}
        for count, event in enumerate(stream):
            if count == 0:
                busy = next(s for s in services if Metrics(f"http://{s.address}").sum("inkfleet_running_requests") > 0)
                busy.kill()
            for choice in event.choices:
                texts[choice.index] = texts.get(choice.index, "") + choice.text
        assert texts == {choice.index: choice.text for choice in whole.choices}
        assert gate.sum("inkfleet_gateway_moves_total") == 1
    finally:
        for program in [*services, *([gateway] if gateway else [])]:
            program.close()
