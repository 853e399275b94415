#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, tests/fuzz/corpus/TARGET/*, from tests/data and the frames of docs/protocol.md.

Run it after a change of a format; the files are kept in the tree so that fuzzing needs no Python.
"""

import json
import shutil
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data"
CORPUS = Path(__file__).resolve().parent / "corpus"

SUGGEST = {"type": "suggest", "id": "7", "prompt": "The old man", "document": "chapter-3", "n": 5, "max_tokens": 40,
           "temperature": 0.7, "top_k": 10, "top_p": 0.9, "seed": 9007199254740991, "stop": ["\n", "é"], "logprobs": 2,
           "deadline_ms": 60000, "heal": True, "client": "key:alice"}
CLIENT = {
    "suggest": SUGGEST,
    "smallest": {"type": "suggest", "id": "a", "prompt": ""},
    "resume": SUGGEST | {"resume": [{"index": 0, "tokens": [11, 50256]}, {"index": 3, "tokens": []}]},
    "largest": SUGGEST | {"id": "i" * 64, "document": "d" * 128, "n": 32, "max_tokens": 1024, "temperature": 2, "top_p": 1,
                          "stop": ["s" * 64] * 4, "logprobs": 5, "deadline_ms": 600000},
    "tokens": {"type": "suggest", "id": "a", "prompt_ids": [50256, 1], "traceparent": "00-" + "0a" * 16 + "-" + "0b" * 8 + "-01"},
    "cancel": {"type": "cancel", "id": "7", "index": 4},
    "prefill": {"type": "prefill", "document": "chapter-3", "prompt": "The old", "id": "p"},
    "accept": {"type": "accept", "id": "7", "index": 2, "tokens": 9},
    "unknown": {"type": "x" * 70, "id": "7"},
}
RECEIPT = {"model": "gpt2", "weights": "sha256:00ff", "seed": 7,
           "engine": {"version": "0.1.0", "device": "cpu", "dtype": "int8", "instruction_set": "avx2"}}
SERVER = {
    "queued": {"type": "queued", "id": "7", "position": 3},
    "started": {"type": "started", "id": "7", "model": "gpt2", "seed": 7, "exact": True, "prompt_tokens": 3,
                "cached_tokens": 0, "dropped_tokens": 64},
    "delta": {"type": "delta", "id": "7", "index": 0, "offset": 2, "text": " über 😀", "tokens": [5, 6]},
    "logprobs": {"type": "delta", "id": "7", "index": 0, "offset": 0, "text": "a", "tokens": [5],
                 "logprobs": [{"logprob": -0.25, "top": [[5, -0.25], [9, None]]}]},
    "finished": {"type": "finished", "id": "7", "index": 1, "reason": "end_of_text"},
    "completed": {"type": "completed", "id": "7", "receipt": RECEIPT,
                  "usage": {"prompt_tokens": 3, "cached_tokens": 0, "completion_tokens": 40},
                  "timing_ms": {"queue": 0.5, "prefill": 12.25, "decode": 300}},
    "prefilled": {"type": "prefilled", "document": "d", "id": "p", "prompt_tokens": 3, "cached_tokens": 2},
    "error": {"type": "error", "code": "overloaded", "message": "full", "id": "7", "retry_after_ms": 100},
    "frame_error": {"type": "error", "code": "bad_request", "message": "n", "frame": "cancel", "field": "index"},
}
LEGACY = {
    "request": {"message_type": "new_request", "prompt": " Once upon ", "model_name": "gpt2", "batch_size": 5,
                "length": "40", "temperature": 0.7, "top_k": 10, "top_p": "0.5"},
    "smallest": {"message_type": "new_request", "prompt": "x"},
    "cancel": {"message_type": "cancel_request"},
    "invalid": {"message_type": "new_request", "prompt": "x", "length": 257},
}
COMPLETION = {
    "smallest": {"model": "gpt2", "prompt": "Once"},
    "all": {"model": "gpt2-medium", "prompt": ["Once", " über 😀"], "n": 2, "best_of": 2, "max_tokens": 40, "temperature": 0.7,
            "top_p": 0.9, "seed": 7, "stop": ["\n", "."], "logprobs": 2, "stream": True, "user": "u", "deadline_ms": 1000,
            "stream_options": {"include_usage": True}, "presence_penalty": 0, "logit_bias": {}, "suffix": None},
    "tokens": {"model": "gpt2", "prompt": [[50256, 1], [2]], "echo": True, "stop": "x"},
    "refused": {"model": "gpt2", "prompt": [1, -1], "best_of": 2, "echo": True, "logprobs": 1, "suffix": "x"},
}
GATEWAY = {
    "all": {"listen": "127.0.0.1:8080", "admin_listen": "[::1]:0", "resolve_seconds": 10, "probe_interval_ms": 500,
            "probe_timeout_ms": 1000,
            "routes": [{"suffix": "/gpt2-medium", "aliases": ["gpt2"], "upstreams": ["ws://127.0.0.1:9001/gpt2-medium"]},
                       {"suffix": "/b", "upstreams": ["ws://[::1]:9002/b", "ws://name/b?x"]}]},
    "smallest": {"routes": [{"suffix": "/a", "upstreams": ["ws://h:1/"]}]},
    "doors": {"routes": [{"suffix": "/a", "upstreams": ["ws://h:1/"]}], "auth": {"key_file": "keys", "legacy_open": True},
              "upstream_key_file": "own", "origins": ["https://app.example.org:443", "null"], "log_prompts": False,
              "trusted_proxies": ["10.0.0.0/8", "fd00::/8", "::ffff:10.0.0.7"], "tls": {"certificate": "c", "key": "k"},
              "limits": {"connections": 100, "connections_per_address": 10, "ping_ms": 500, "idle_ms": 2000,
                         "frame_bytes": 65536, "waiting_output_bytes": 0, "live_requests": 16,
                         "live_requests_per_caller": 64, "service_frame_bytes": 262144, "count_loopback": True}},
}
KEYS = {
    "two": "# who key\nalice 0123456789abcdef\n\nbob\t3q2xW0y7Jb1c1c4u0tq8mHq0mB0nJvTt\r\n",
    "changed": "a.b_c-d old-key-of-16-bytes\na.b_c-d new-key-of-16-bytes",
    "twice": "a 0123456789abcdef\nb 0123456789abcdef",
    "short": "alice 0123456789abcde",
    "own": "  0123456789abcdef\n\n",
}
NETWORKS = {
    "address": "10.0.0.7\n192.0.2.1, 10.0.0.2\n203.0.113.9:5000",
    "network": "10.0.0.0/8\n[2001:db8::1]:443 ,\tfd00::7",
    "v6": "fd00::/8\n[fd00::7]\n::ffff:192.0.2.1",
    "scoped": "fe80::1%1\nfe80::1%1",
}
UPGRADE = "GET /gpt2-medium HTTP/1.1\r\nHost: app.example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
HEADERS = {
    "bearer": UPGRADE + "Authorization: Bearer key-of-the-fuzz-target\r\n\r\n",
    "subprotocol": UPGRADE + "Sec-WebSocket-Protocol: inkfleet.v1, "
                             "inkfleet.key.a2V5LW9mLXRoZS1mdXp6LXRhcmdldA\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n",
    "origin": UPGRADE + "Origin: https://app.example.org\r\n\r\n",
    "port": "GET / HTTP/1.1\r\nHost: app.example.org:443\r\nOrigin: HTTPS://App.example.org\r\n\r\n",
    "page": "GET /index.html?x HTTP/1.1\r\nAccept-Encoding: gzip;q=0.5, br;q=0\r\nIf-None-Match: \"0\"\r\n\r\n",
    "completions": "POST /v1/completions?x HTTP/1.1\r\nHost: a\r\nAuthorization: bearer\tanother-key-of-16-bytes\r\n"
                   "Content-Length: 2\r\n\r\n{}",
}
PATHS = ["/gpt2-medium", "/gpt2/healthz", "/g/readyz/", "/gpt2-medium-hp/", "//g", "/",
         "/ws/async/writeup/text_generation/session/a-b/", "/ws/test/writeup/text_generation/session/%C3%A9%20x",
         "/ws/async/writeup/text_generation/session/" + "x" * 64 + "/"]
STREAMS = [": ping\n\ndata: {\"content\":\" café\"}\n\n", "event: m\r\nid: 7\r\ndata:second\r\n\r\n", "data: [DONE]\r\r",
           "data: a\ndata: b\n\ndata\n\n"]


def write(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def as_json(value):
    return json.dumps(value, ensure_ascii=False)


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def small_model(path):
    """The first tensors of a recorded model, as a file of their own."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    names = sorted((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"])
    kept, data = {"__metadata__": {"format": "pt"}}, b""
    for name in names:
        begin, end = header[name]["data_offsets"]
        if end - begin > 256 or len(kept) > 4:
            continue
        kept[name] = header[name] | {"data_offsets": [len(data), len(data) + end - begin]}
        data += content[8 + length + begin:8 + length + end]
    return safetensors(kept, data)


def packed_page(key):
    """The magic number, a checksum that the target makes fit, sizes, the key (model-service/gpt2/packed_file.cpp)."""
    return b"IKFPACK1" + struct.pack("<QQQQ", 0, 0, 0x123456789ABCDEF, len(key)) + key


def write_tokenizers():
    small = json.loads((DATA / "tokenizer/small-tokenizer.json").read_text())
    write("tokenizer_json", "small", json.dumps(small, ensure_ascii=False, separators=(",", ":")))
    pairs = small | {"model": small["model"] | {"merges": [" ".join(m) for m in small["model"]["merges"]]}}
    write("tokenizer_json", "merges_as_text", json.dumps(pairs, ensure_ascii=False, separators=(",", ":")))

    vocabulary = json.dumps(small["model"]["vocab"], ensure_ascii=False, separators=(",", ":"))
    merges = "#version: 0.2\n" + "\n".join(" ".join(m) for m in small["model"]["merges"])
    size = len(small["model"]["vocab"])
    config = {"add_prefix_space": False, "added_tokens_decoder": {str(size): {"content": "<x>", "special": True}}}
    write("vocab_merges", "plain", f"{vocabulary}\n---\n{merges}")
    write("vocab_merges", "config", f"{vocabulary}\n---\n{merges}\n---\n{json.dumps(config)}")
    write("vocab_merges", "all", f"{vocabulary}\n---\n{merges}\n---\n{{}}\n---\n{json.dumps({'<y>': size})}\n---\n"
                                 f"{json.dumps({'eos_token': '<y>', 'pad_token': {'content': 'the'}})}")


def write_texts():
    lines = (DATA / "tokenizer/scripts.txt").read_text().splitlines()
    for i in range(0, len(lines), max(1, len(lines) // 12)):
        write("tokenize", f"script-{i}", lines[i][:400])
    write("tokenize", "prose", (DATA / "texts/northanger-abbey-excerpt.txt").read_text()[:600])
    write("tokenize", "bytes", bytes(range(256)))
    write("tokenize", "added", "the<x><xx> <|endoftext|>  \n\n abab")


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    for target, values in {"client_frame": CLIENT, "server_frame": SERVER, "legacy_message": LEGACY,
                           "completion": COMPLETION, "gateway_config": GATEWAY}.items():
        for name, value in values.items():
            write(target, name, as_json(value))
    for target, values in {"api_keys": KEYS, "networks": NETWORKS, "request_header": HEADERS}.items():
        for name, value in values.items():
            write(target, name, value)
    for name, value in {**CLIENT, **SERVER}.items():
        write("json", name, json.dumps(value))
    write("json", "odd", r'["\ud83d\ude00","\ud800x\udc00",-0.0,1e308,18446744073709551615,null,{"a":1,"a":2}]')
    write("legacy_message", "markers", "a <|endo </s> <eop> <unk> <|endoftext|> b")
    for i, path in enumerate(PATHS):
        write("request_path", f"path-{i}", path)
    for i, stream in enumerate(STREAMS):
        write("sse", f"stream-{i}", stream)
    for path in sorted(DATA.glob("gpt2/tiny*/config*.json")):
        write("model_config", f"{path.parent.name}-{path.name}", path.read_bytes())
    write("model_config", "gpt2-demo", (ROOT / "models/gpt2-demo/config.json").read_bytes())
    for name in ("tiny", "tiny-f16", "tiny-bf16"):
        write("safetensors", name, small_model(DATA / "gpt2" / name / "model.safetensors"))
    write("safetensors", "empty", safetensors({"a": {"dtype": "U8", "shape": [0, 7], "data_offsets": [0, 0]}}, b""))
    write("safetensors", "byte", safetensors({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, b"x"))
    write("weight_index", "tiny-sharded", (DATA / "gpt2/tiny-sharded/model.safetensors.index.json").read_bytes())
    write("packed_header", "page", packed_page(b"inkfleet packed weights, packing 1\nweights sha256:00ff\ndtype int8\n"))
    write("packed_header", "longest", packed_page(b"k" * (4096 - 5 * 8)))
    write_tokenizers()
    write_texts()


if __name__ == "__main__":
    main()
