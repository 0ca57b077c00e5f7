// The readers of foreign bytes, each as a fuzz target: whatever the bytes, a value or one Error
// with a sentence. What else is thrown, or a value that is not what was read, ends the process.
#pragma once

#include <cstddef>
#include <span>

namespace stateline::fuzz {

// Of a model's weights.
void read_safetensors(std::span<const std::byte> bytes);
// The same in GGUF, and its metadata.
void read_gguf(std::span<const std::byte> bytes);
// Of the list of a model's files of weights.
void read_index(std::span<const std::byte> bytes);
// config.json, of a language model and of a classifier.
void read_config(std::span<const std::byte> bytes);
// A stored state of the tiny model of test/golden. Model and checksum are made to fit, since no
// mutation would hit upon them.
void read_state(std::span<const std::byte> bytes);

}  // namespace stateline::fuzz
