"""Typing made quick: a text is prefilled, what was taken stays warm, and a suggestion goes on in the middle of a word."""

import uuid

import pytest

from editor import Editor

PROMPT = "The old miller looked out of the window and"
LONG = dict(max_tokens=450, temperature=1, top_k=40)
NOWHERE = "nobody has asked for this"


def fresh(text: str) -> str:
    """A text whose beginning no cache has seen."""
    return f"{uuid.uuid4().hex}. {text}"


@pytest.fixture(scope="module")
def spell(tokenizer):
    """The bytes of tokens, by the table that byte-level BPE writes them in."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}

    def bytes_of(tokens) -> bytes:
        return bytes(byte_of[letter] for token in tokens for letter in tokenizer.id_to_token(token))

    return bytes_of


class TestPrefill:
    def test_it_says_what_it_did(self, editor, tokenizer):
        text = fresh(PROMPT)
        expected = len(tokenizer.encode(text).ids)
        editor.prefill("letter", text, id="mine")
        cold = editor.stray()
        assert (cold["type"], cold["document"], cold["id"]) == ("prefilled", "letter", "mine")
        assert cold["prompt_tokens"] == expected
        assert cold["cached_tokens"] < expected // 2
        editor.prefill("letter", text)
        warm = editor.stray()
        assert "id" not in warm, "there was none"
        assert warm["prompt_tokens"] == expected
        assert expected - 1 <= warm["cached_tokens"] <= expected

    def test_the_suggest_that_follows_is_warm(self, editor):
        text = fresh(PROMPT)
        editor.prefill("letter", text)
        prefilled = editor.stray()
        request = editor.complete(text, document="letter", max_tokens=4)
        assert request.started["prompt_tokens"] == prefilled["prompt_tokens"]
        assert request.started["cached_tokens"] >= prefilled["prompt_tokens"] - 1

    def test_it_changes_no_text(self, editor):
        text = fresh(PROMPT)
        cold = editor.complete(text, max_tokens=16, temperature=0)
        editor.prefill("letter", text)
        editor.stray()
        assert editor.complete(text, document="letter", max_tokens=16, temperature=0).text() == cold.text()

    def test_an_empty_text(self, editor):
        editor.prefill("letter", "")
        assert editor.stray()["prompt_tokens"] == editor.complete("", max_tokens=1).started["prompt_tokens"]

    def test_the_newest_of_a_document_is_answered(self, editor):
        """An older one may have been answered before the newer came, never after."""
        names = [str(number) for number in range(12)]
        for name in names:
            editor.prefill("letter", fresh(PROMPT * 20), id=name)
        editor.wait(lambda: any(frame.get("id") == names[-1] for frame in editor.strays))
        editor.complete(PROMPT, document="diary", max_tokens=2)
        answered = [frame["id"] for frame in editor.strays]
        assert answered == sorted(set(answered), key=names.index), "each once, in their order"
        assert answered[-1] == names[-1]
        assert {(frame["type"], frame["document"]) for frame in editor.strays} == {("prefilled", "letter")}

    def test_a_suggest_of_the_document_drops_it(self, editor):
        for _ in range(5):
            text = fresh(PROMPT * 20)
            editor.prefill("letter", text)
            request = editor.ask(text, document="letter", max_tokens=4)
            editor.wait(lambda: request.started)
            answered = len(editor.strays)
            editor.finish(request)
            editor.complete(PROMPT, document="diary", max_tokens=2)
            assert len(editor.strays) == answered, "an answer after a newer frame of the document"
            editor.strays.clear()

    def test_it_disturbs_no_request(self, editor):
        running = editor.begin(editor.ask(PROMPT, document="letter", n=2, max_tokens=80))
        editor.prefill("letter", fresh(PROMPT))
        editor.prefill("diary", fresh(PROMPT))
        editor.finish(running)
        editor.wait(lambda: len(editor.strays) == 2)
        assert {frame["document"] for frame in editor.strays} == {"letter", "diary"}
        assert "cancelled" not in running.finished.values()

    def test_documents_belong_to_their_connection(self, url):
        with Editor(url) as one, Editor(url) as two:
            for editor in (one, two):
                editor.prefill("letter", fresh(PROMPT))
            for editor in (one, two):
                assert editor.stray()["document"] == "letter"

    def test_an_editor_that_leaves_is_no_trouble(self, url):
        with Editor(url) as editor:
            editor.prefill("letter", fresh(PROMPT * 20))
        with Editor(url) as editor:
            editor.complete(PROMPT, max_tokens=2)
            assert editor.strays == []


class TestAccept:
    def test_the_siblings_stop(self, editor):
        request = editor.ask(PROMPT, n=5, seed=8, **LONG)
        editor.wait(lambda: request.tokens.get(2) or request.end)
        taken = len(request.tokens[2])
        assert request.finished == {}
        editor.accept(request, index=2, tokens=taken)
        editor.finish(request)
        assert request.end["type"] == "completed"
        assert set(request.finished) == set(range(5))
        assert request.finished[2] in ("length", "end_of_text"), "the one that was taken goes on to its own end"
        assert len(request.tokens[2]) > taken
        siblings = [request.finished[index] for index in (0, 1, 3, 4)]
        assert "cancelled" in siblings and set(siblings) <= {"cancelled", "end_of_text"}
        editor.complete(PROMPT, max_tokens=2)
        assert editor.strays == []

    @pytest.mark.parametrize("taken", [1, 8, 23])
    def test_what_was_taken_is_warm(self, editor, tokenizer, decode, taken):
        prompt = fresh(PROMPT)
        request = editor.complete(prompt, n=3, max_tokens=24, temperature=0.8, seed=taken)
        tokens = request.tokens[1][:taken]
        editor.accept(request, index=1, tokens=taken)
        text = prompt + decode(tokens)
        known, ids = tokenizer.encode(prompt).ids + tokens, tokenizer.encode(text).ids
        same = next((i for i, (ours, theirs) in enumerate(zip(known, ids)) if ours != theirs), min(len(known), len(ids)))
        following = editor.complete(text, max_tokens=2)
        assert editor.strays == [], "accept has no answer"
        assert following.started["cached_tokens"] >= min(same, len(ids) - 1)

    def test_of_what_is_not_there_has_no_answer(self, editor):
        done = editor.complete(PROMPT, n=2, max_tokens=4)
        for id, index, tokens in ((NOWHERE, 0, 1), (done.id, 31, 1), (done.id, 0, 1024), (done.id, 0, 0), (done.id, 1, 2)):
            editor.send({"type": "accept", "id": id, "index": index, "tokens": tokens})
        request = editor.ask(PROMPT, n=2, max_tokens=8)
        editor.send({"type": "accept", "id": request.id, "index": 31, "tokens": 1})
        editor.finish(request)
        assert request.end["type"] == "completed"
        assert editor.strays == []

    def test_it_means_the_newest_request_of_an_id(self, editor):
        older = editor.complete(PROMPT, n=2, max_tokens=4)
        newer = editor.expect(older.id)
        editor.send({"type": "suggest", "id": older.id, "prompt": PROMPT, "n": 3, "seed": 8, **LONG})
        editor.begin(newer)
        editor.accept(newer, index=0, tokens=0)
        editor.finish(newer)
        assert newer.end["type"] == "completed"
        assert "cancelled" not in newer.finished[0]
        assert "cancelled" in newer.finished.values()


class TestHeal:
    # The last token of each: part of a word, a whole word, a space, a word that may go on, a full stop, a lone token.
    CUT = ["They went into th", "The old cast", "He opened the door and ", "She sang", "It was late.", "th", "T", " "]

    @pytest.mark.parametrize("prompt", CUT)
    @pytest.mark.parametrize("temperature", [0, 0.8])
    def test_tokens_spell_what_was_taken_back_and_the_text(self, editor, tokenizer, spell, prompt, temperature):
        request = editor.complete(prompt, heal=True, n=3, max_tokens=12, temperature=temperature, top_k=20, seed=6)
        ids = tokenizer.encode(prompt).ids
        taken_back = spell(ids[-1:])
        for index, tokens in request.tokens.items():
            spelt = spell(tokens)
            assert spelt.startswith(taken_back)
            assert spelt[len(taken_back) :].decode(errors="replace") == request.text(index)
            assert (spell(ids[:-1]) + spelt).decode(errors="replace") == prompt + request.text(index)

    def test_a_word_goes_on(self, editor, tokenizer):
        """Re-tokenized, the whole begins otherwise than the prompt does: the cut word is one token now."""
        prompt = "They went into th"
        request = editor.complete(prompt, heal=True, max_tokens=8, temperature=0)
        assert request.text()[0] not in " \n", "the word is not finished"
        assert tokenizer.encode(prompt + request.text()).ids == tokenizer.encode(prompt).ids[:-1] + request.tokens[0]

    def test_no_space_is_doubled(self, editor):
        prompt = "He opened the door and "
        request = editor.complete(prompt, heal=True, max_tokens=8, temperature=0)
        assert not request.text().startswith(" ")
        assert request.tokens[0] == editor.complete(prompt[:-1], max_tokens=8, temperature=0).tokens[0]

    @pytest.mark.parametrize("prompt", CUT)
    def test_equal_seeds_give_equal_texts(self, editor, prompt):
        fields = dict(heal=True, n=3, max_tokens=12, temperature=1, seed=77)
        first = editor.complete(prompt, **fields)
        again = editor.complete(prompt, **fields)
        assert again.texts == first.texts and again.tokens == first.tokens

    @pytest.mark.parametrize("prompt", CUT)
    def test_the_rest_after_any_token_is_the_same(self, editor, spell, tokenizer, prompt):
        fields = dict(heal=True, max_tokens=8, temperature=0.8, top_k=20, seed=3)
        whole = editor.complete(prompt, **fields)
        taken_back = len(spell(tokenizer.encode(prompt).ids[-1:]))
        for held in range(1, len(whole.tokens[0]) + 1):
            rest = editor.complete(prompt, resume=[{"index": 0, "tokens": whole.tokens[0][:held]}], **fields)
            assert whole.tokens[0][:held] + rest.tokens.get(0, []) == whole.tokens[0], held
            text = spell(whole.tokens[0][:held])[taken_back:].decode()
            assert text + rest.text() == whole.text(), held
            assert rest.finished == whole.finished

    def test_an_empty_prompt_has_nothing_to_heal(self, editor):
        fields = dict(n=2, max_tokens=12, temperature=0.8, seed=5)
        assert editor.complete("", heal=True, **fields).tokens == editor.complete("", **fields).tokens

    def test_a_prefilled_text_is_warm(self, editor):
        text = fresh("They went into th")
        editor.prefill("letter", text)
        prefilled = editor.stray()
        request = editor.complete(text, document="letter", heal=True, max_tokens=4)
        assert request.started["cached_tokens"] >= prefilled["prompt_tokens"] - 2

    def test_the_same_through_both_doors(self, fleet):
        fields = dict(heal=True, n=2, max_tokens=12, seed=31, temperature=0.8)
        with Editor(fleet.url("service")) as direct, Editor(fleet.url("gateway")) as routed:
            assert direct.complete(self.CUT[0], **fields).texts == routed.complete(self.CUT[0], **fields).texts
