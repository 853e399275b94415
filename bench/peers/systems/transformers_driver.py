"""transformers: generate() with SDPA, in fp32, or with its linears quantized dynamically to int8."""

import torch
import transformers
from driver import serve


def with_linears(model):
    """GPT-2's Conv1D modules as Linear ones, which is what torch knows how to quantize."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, transformers.pytorch_utils.Conv1D):
                linear = torch.nn.Linear(*child.weight.shape)
                linear.weight.data = child.weight.data.t().contiguous()
                linear.bias.data = child.bias.data
                setattr(module, name, linear)
    return model


class System:
    def __init__(self, config):
        torch.set_num_threads(config["threads"])
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            config["model"], dtype=torch.float32, attn_implementation="sdpa").eval()
        if config["dtype"] == "int8":
            self.model = torch.ao.quantization.quantize_dynamic(
                with_linears(self.model), {torch.nn.Linear}, dtype=torch.qint8)
        self.about = {"torch": torch.__version__, "transformers": transformers.__version__, "dtype": config["dtype"]}

    def prepare(self, work):
        return torch.tensor(work["prompts"])

    def generate(self, prompts, work):
        torch.manual_seed(work["seed"])
        with torch.inference_mode():
            output = self.model.generate(
                prompts, attention_mask=torch.ones_like(prompts), do_sample=True, temperature=work["temperature"],
                top_k=work["top_k"], num_return_sequences=work["n"], max_new_tokens=work["max_tokens"],
                min_new_tokens=work["max_tokens"], pad_token_id=self.model.config.eos_token_id)
        return output[:, prompts.shape[1]:]

    def read(self, output):
        return {"tokens": [len(row) for row in output]}


if __name__ == "__main__":
    serve(System)
