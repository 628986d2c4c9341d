"""llama.cpp's functions as this room calls them: the long ones let Python's lock go, the short ones keep it.

A call through `CDLL` gives the lock away and must win it back, which can take a whole switch interval while the
HTTP thread is busy. That is right for a decode or a load and wrong for the hundreds of microsecond calls
between two decodes, so those go through `PyDLL`, which keeps the lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from llama_cpp import llama_cpp as binding

Call = Callable[..., Any]
_library: Any = binding._lib
_keeping = ctypes.PyDLL(_library._name)


def _releasing(name: str) -> Call:
    call: Call = getattr(binding, name)
    return call


def _short(name: str) -> Call:
    known = getattr(binding, name)
    call = getattr(_keeping, name)
    call.argtypes, call.restype = known.argtypes, known.restype
    return call  # type: ignore[no-any-return]


backend_init = _releasing("llama_backend_init")
supports_gpu = _releasing("llama_supports_gpu_offload")
model_defaults = _releasing("llama_model_default_params")
model_load = _releasing("llama_model_load_from_file")
model_free = _releasing("llama_model_free")
context_defaults = _releasing("llama_context_default_params")
context_init = _releasing("llama_init_from_model")
context_free = _releasing("llama_free")
decode = _releasing("llama_decode")
tokenize = _releasing("llama_tokenize")
log_set = _releasing("llama_log_set")

context_memory = _short("llama_get_memory")
context_logits = _short("llama_get_logits_ith")
memory_clear = _short("llama_memory_clear")
memory_cut = _short("llama_memory_seq_rm")
memory_share = _short("llama_memory_seq_cp")

model_vocabulary = _short("llama_model_get_vocab")
model_template = _short("llama_model_chat_template")
model_meta = _short("llama_model_meta_val_str")
model_description = _short("llama_model_desc")
model_trained_context = _short("llama_model_n_ctx_train")
model_parameters = _short("llama_model_n_params")
model_layers = _short("llama_model_n_layer")
model_heads = _short("llama_model_n_head")
model_kv_heads = _short("llama_model_n_head_kv")
model_width = _short("llama_model_n_embd")
model_bytes = _short("llama_model_size")
model_recurrent = _short("llama_model_is_recurrent")
model_hybrid = _short("llama_model_is_hybrid")
model_has_encoder = _short("llama_model_has_encoder")
model_has_decoder = _short("llama_model_has_decoder")

vocabulary_type = _short("llama_vocab_type")
vocabulary_size = _short("llama_vocab_n_tokens")
vocabulary_text = _short("llama_vocab_get_text")
vocabulary_begin = _short("llama_vocab_bos")
vocabulary_end = _short("llama_vocab_eos")
vocabulary_adds_begin = _short("llama_vocab_get_add_bos")
token_ends = _short("llama_vocab_is_eog")
token_piece = _short("llama_token_to_piece")

chain_defaults = _short("llama_sampler_chain_default_params")
chain_init = _short("llama_sampler_chain_init")
chain_add = _short("llama_sampler_chain_add")
sampler_free = _short("llama_sampler_free")
sampler_sample = _short("llama_sampler_sample")
sampler_apply = _short("llama_sampler_apply")
sampler_accept = _short("llama_sampler_accept")
sampler_greedy = _short("llama_sampler_init_greedy")
sampler_draw = _short("llama_sampler_init_dist")
sampler_top_k = _short("llama_sampler_init_top_k")
sampler_top_p = _short("llama_sampler_init_top_p")
sampler_min_p = _short("llama_sampler_init_min_p")
sampler_temperature = _short("llama_sampler_init_temp")
sampler_penalties = _short("llama_sampler_init_penalties")
sampler_bias = _short("llama_sampler_init_logit_bias")
sampler_grammar = _short("llama_sampler_init_grammar")

Token = ctypes.c_int32
TokenData = binding.llama_token_data
TokenDataArray = binding.llama_token_data_array
Batch = binding.llama_batch
LogitBias = binding.llama_logit_bias
LogCallback = binding.llama_log_callback
ProgressCallback = binding.llama_progress_callback
SPM = binding.LLAMA_VOCAB_TYPE_SPM


def _ggml(name: str, result: Any, *arguments: Any) -> Call:
    """A function of the library below llama.cpp, which the binding does not name; it is found through llama.cpp's own."""
    call = getattr(_keeping, name)
    call.restype, call.argtypes = result, arguments
    return call  # type: ignore[no-any-return]


_Handle, _Size = ctypes.c_void_p, ctypes.c_size_t
_device_count = _ggml("ggml_backend_dev_count", _Size)
_device = _ggml("ggml_backend_dev_get", _Handle, _Size)
_device_memory = _ggml("ggml_backend_dev_memory", None, _Handle, ctypes.POINTER(_Size), ctypes.POINTER(_Size))
device_type = _ggml("ggml_backend_dev_type", ctypes.c_int, _Handle)
device_description = _ggml("ggml_backend_dev_description", ctypes.c_char_p, _Handle)


def devices() -> list[int]:
    """All that ggml computes with here, the CPU among them."""
    return [_device(at) for at in range(_device_count())]


def device_free(handle: int) -> int:
    """Bytes of a device's memory that are free."""
    free, total = _Size(), _Size()
    _device_memory(handle, ctypes.byref(free), ctypes.byref(total))
    return free.value


def text_of(write: Call) -> str:
    """A string that llama.cpp writes into a buffer of a given size; empty if it has none."""
    buffer = ctypes.create_string_buffer(512)
    written: int = write(buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace").strip() if written > 0 else ""
