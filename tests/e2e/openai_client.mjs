// OpenAI's own JavaScript client against a gateway: node openai_client.mjs BASE_URL TOKENS REFUSED TRAFFIC. As JSON: TOKENS, those of
// the prompt; REFUSED, a list of fields and the parameter that is at fault. Says ok when all holds. What went over the wire comes to the
// file TRAFFIC, a JSON object a line.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const [baseURL, tokens, refused, traffic] = process.argv.slice(2);
const exchanges = []; // whose answers came whole
const recorded = async (url, options) => {
  const answer = await fetch(url, options);
  const { status, headers } = answer;
  const seen = { method: options.method.toUpperCase(), path: new URL(url).pathname, sent: options.body, status, headers: Object.fromEntries(headers) };
  const decoder = new TextDecoder();
  let body = "";
  const recorder = new TransformStream({
    transform(piece, on) {
      body += decoder.decode(piece, { stream: true });
      on.enqueue(piece);
    },
    flush: () => exchanges.push({ ...seen, body }),
  });
  return new Response(answer.body.pipeThrough(recorder), { status, headers });
};
const client = new OpenAI({ baseURL, apiKey: "none is asked for", maxRetries: 0, fetch: recorded });
const asked = { model: "gpt2-demo", prompt: "The old castle", max_tokens: 12 };
const create = (fields) => client.completions.create({ ...asked, ...fields });
const texts = (completion) => completion.choices.map((choice) => choice.text);

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ["gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"]);
assert.equal((await client.models.retrieve("gpt2-medium")).id, "gpt2-demo");

const whole = await create({ n: 3, seed: 7 });
assert.equal(whole.choices.length, 3);
assert.equal(whole.usage.completion_tokens, 36);
assert.deepEqual(texts(await create({ n: 3, seed: 7 })), texts(whole));

const streamed = ["", "", ""];
for await (const event of await create({ n: 3, seed: 7, stream: true })) {
  for (const choice of event.choices) streamed[choice.index] += choice.text;
}
assert.deepEqual(streamed, texts(whole));

const stopped = (await create({ stop: ["e"], seed: 1, max_tokens: 60 })).choices[0];
assert.equal(stopped.finish_reason, "stop");
assert.ok(!stopped.text.includes("e"));

const logprobs = (await create({ temperature: 0, logprobs: 2 })).choices[0].logprobs;
assert.equal(logprobs.tokens.length, 12);
assert.ok(logprobs.top_logprobs.every((top) => Object.keys(top).length === 2));

const ofTokens = await create({ prompt: JSON.parse(tokens), temperature: 0 });
assert.deepEqual(texts(ofTokens), texts(await create({ temperature: 0 })));

for (const [fields, param] of JSON.parse(refused)) {
  const says = (error) => error instanceof OpenAI.BadRequestError && error.param === param && error.code === "bad_request";
  await assert.rejects(create(fields), says, JSON.stringify(fields));
}
await assert.rejects(create({ model: "gpt-5" }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ model: "gpt2-demo", messages: [] }), OpenAI.NotFoundError);

const long = await create({ max_tokens: 1000, n: 8, stream: true });
for await (const event of long) {
  assert.ok(event.id.startsWith("cmpl-"));
  break; // leaves the stream: the client goes away
}

await writeFile(traffic, exchanges.map((exchange) => `${JSON.stringify(exchange)}\n`).join(""));
console.log("ok");
