// model.safetensors.index.json: which file of a model's folder holds each tensor.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace stateline::formats {

// The names of tensors and of files. The files' names are plain ones: none leads out of the folder
// (a link in it may, as those of Hugging Face's cache do). `name` is the index's, for the sentence
// of the Error(kInvalidModel).
std::map<std::string, std::string> read_index(std::span<const std::byte> bytes,
                                              const std::string& name);

}  // namespace stateline::formats
