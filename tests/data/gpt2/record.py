#!/usr/bin/env python3
"""Records what transformers computes for the tests of model-service/gpt2: eager attention, fp32, one thread.

    python tests/data/gpt2/record.py        (recorded with torch 2.13.0 and transformers 5.23)

Writes, beside this file:
  tiny*/            small random GPT-2s in the layouts and dtypes that the loader must know
  tiny*.safetensors their logits at all positions: ids I32 [T], logits F32 [T, V]
  gpt2-demo*.safetensors  for each demo model: ids [512], positions [P], logits [P, V];
                    prompt [30], greedy [200] and gaps F32 [200], the reference's lead of the best token over the second
"""

import json
import pathlib
import shutil
import tempfile

import torch
import transformers
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parents[2] / "models"
POSITIONS = [0, 1, 63, 255, 511]
GREEDY_PROMPT, GREEDY_TOKENS = 30, 200

TINY = dict(vocab_size=97, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)


def load(folder):
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def write_config(folder, **changes):
    config = dict(TINY, model_type="gpt2", activation_function="gelu_new", layer_norm_epsilon=1e-5, **changes)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def random_weights(seed, inner=128):
    """Larger than GPT-2's own start, so that attention is far from uniform and logits are far from zero."""
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(GPT2Config(**TINY, n_inner=inner))
    for name, parameter in model.named_parameters():
        spread = 0.3 if parameter.dim() == 2 else 0.1
        centre = 1.0 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0
        parameter.data = centre + spread * torch.randn_like(parameter)
    return {name: value.clone() for name, value in model.state_dict().items() if name != "lm_head.weight"}


def without_prefix(weights):
    return {name.removeprefix("transformer."): value for name, value in weights.items()}


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def save(weights, folder, file="model.safetensors"):
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / file, metadata={"format": "pt"})


def save_sharded(weights, folder):
    names = sorted(weights)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    index = {"metadata": {"total_size": sum(v.nbytes for v in weights.values())}, "weight_map": {}}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save({name: weights[name] for name in shard}, folder, file)
        index["weight_map"].update({name: file for name in shard})
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def with_causal_mask_buffers(weights):
    """As checkpoints of 2019 have them."""
    extra = {}
    for layer in range(TINY["n_layer"]):
        extra[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(1, 1, 64, 64, dtype=torch.uint8))
        extra[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    return without_prefix(weights) | extra


def make_tiny_models():
    weights = random_weights(seed=1)
    folder = fresh("tiny")
    save(weights, folder)
    write_config(folder)

    folder = fresh("tiny-sharded")  # the same model, to be compared with the logits of tiny
    save_sharded(without_prefix(weights), folder)
    write_config(folder)

    folder = fresh("tiny-separate-head")
    torch.manual_seed(2)
    save({name: value.half() for name, value in weights.items()}
         | {"lm_head.weight": (0.3 * torch.randn(TINY["vocab_size"], TINY["n_embd"])).half()}, folder)
    write_config(folder, tie_word_embeddings=False)

    folder = fresh("tiny-f16")
    save(with_causal_mask_buffers({name: value.half() for name, value in weights.items()}), folder)
    write_config(folder)

    folder = fresh("tiny-bf16")
    save({name: value.bfloat16() for name, value in weights.items()}, folder)
    write_config(folder)

    # Every option that the loader accepts beside the usual ones; an odd width of the inner layer.
    folder = fresh("tiny-options")
    save({name: value.half() for name, value in random_weights(seed=3, inner=45).items()}, folder)
    write_config(folder, n_inner=45, scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True)
    for activation in ("gelu", "relu", "gelu_fast"):
        changed = json.loads((folder / "config.json").read_text()) | {"activation_function": activation}
        (folder / f"config.{activation}.json").write_text(json.dumps(changed, indent=2) + "\n")
    (folder / "config.json").unlink()


def record_tiny(name, folder=None):
    torch.manual_seed(4)
    ids = torch.randint(0, TINY["vocab_size"], (TINY["n_positions"],))
    logits = load(folder or HERE / name)(ids[None]).logits[0]
    save_file({"ids": ids.int(), "logits": logits.contiguous()}, HERE / f"{name}.safetensors")
    print(f"{name}: largest |logit| {logits.abs().max():.3f}")


def record_tiny_options(activation, work):
    shutil.copytree(HERE / "tiny-options", work / activation)
    shutil.copy(work / activation / f"config.{activation}.json", work / activation / "config.json")
    record_tiny(f"tiny-options-{activation}", work / activation)


def greedy(model, prompt, count):
    ids, gaps, past = prompt[None], [], None
    new = []
    for _ in range(count):
        out = model(ids, past_key_values=past, use_cache=True)
        past = out.past_key_values
        best = out.logits[0, -1].topk(2)
        gaps.append((best.values[0] - best.values[1]).item())
        new.append(best.indices[0].item())
        ids = best.indices[:1][None]
    return torch.tensor(new), torch.tensor(gaps)


def record_demo(name):
    """The text is the model's own, sampled, so that attention has something to find."""
    model = load(MODELS / name)
    model.generation_config.eos_token_id = None
    torch.manual_seed(5)
    start = torch.tensor([[0]])
    ids = model.generate(start, do_sample=True, temperature=0.8, top_k=50, max_new_tokens=511, pad_token_id=0)[0]
    logits = model(ids[None]).logits[0]
    new, gaps = greedy(model, ids[:GREEDY_PROMPT], GREEDY_TOKENS)
    save_file(
        {
            "ids": ids.int(),
            "positions": torch.tensor(POSITIONS, dtype=torch.int32),
            "logits": logits[POSITIONS].contiguous(),
            "prompt": ids[:GREEDY_PROMPT].int().contiguous(),
            "greedy": new.int(),
            "gaps": gaps,
        },
        HERE / f"{name}.safetensors",
    )
    print(f"{name}: largest |logit| {logits[POSITIONS].abs().max():.3f}, smallest lead {gaps.min():.2e}")


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    make_tiny_models()
    for name in ("tiny", "tiny-separate-head", "tiny-f16", "tiny-bf16"):
        record_tiny(name)
    with tempfile.TemporaryDirectory() as work:
        for activation in ("gelu", "relu", "gelu_fast"):
            record_tiny_options(activation, pathlib.Path(work))
    for name in ("gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"):
        record_demo(name)
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)


if __name__ == "__main__":
    main()
