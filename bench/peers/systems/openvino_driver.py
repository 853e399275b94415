"""OpenVINO GenAI: continuous batching without prefix cache; n continuations share their prompt's blocks."""

import numpy
import openvino
import openvino_genai
from driver import serve


class System:
    def __init__(self, config):
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 2
        scheduler.enable_prefix_caching = False
        for name, value in config.get("scheduler", {}).items():
            setattr(scheduler, name, value)
        properties = {"INFERENCE_NUM_THREADS": config["threads"], **config.get("properties", {})}
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(config["model"], scheduler, "CPU", properties)
        self.about = {"openvino": openvino.__version__, "openvino-genai": openvino_genai.__version__,
                      "properties": properties, "scheduler": config.get("scheduler", {})}

    def prepare(self, work):
        config = openvino_genai.GenerationConfig(
            do_sample=True, top_k=work["top_k"], temperature=work["temperature"], rng_seed=work["seed"],
            num_return_sequences=work["n"], max_new_tokens=work["max_tokens"], min_new_tokens=work["max_tokens"],
            ignore_eos=True)
        inputs = [openvino.Tensor(numpy.array([prompt], dtype=numpy.int64)) for prompt in work["prompts"]]
        return inputs, [config] * len(inputs)

    def generate(self, prepared, work):
        return self.pipeline.generate(*prepared)

    def read(self, results):
        return {"tokens": [len(ids) for result in results for ids in result.m_generation_ids]}


if __name__ == "__main__":
    serve(System)
