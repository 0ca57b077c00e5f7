#include "engine/serialize.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "formats/error.h"
#include "formats/xxh64.h"

namespace stateline::engine {
namespace {

static_assert(std::endian::native == std::endian::little,
              "states are stored as they lie in memory");

constexpr char kMagic[8] = {'S', 'L', 'S', 'T', 'A', 'T', 'E', '1'};
constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kMaxTokens = std::uint64_t{1}
                                     << 53;  // JavaScript counts exactly up to here

struct Header {
  char magic[8];
  std::uint64_t model[2];
  std::uint64_t layers, heads, state_heads, key_dim, value_dim, hidden_size, window, tokens;
};
static_assert(sizeof(Header) == 11 * sizeof(std::uint64_t));

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidState,
              "The stored state " + what + "; delete it, and the text is read anew.");
}

Header header_of(const State& state) {
  const StateShape& shape = state.shape();
  Header header{{},
                {state.model()[0], state.model()[1]},
                shape.layers,
                shape.heads,
                shape.state_heads,
                shape.key_dim,
                shape.value_dim,
                shape.hidden_size,
                shape.window,
                state.token_count()};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  return header;
}

// Checks the header against the model; the shape it then describes is one that this model can have.
StateShape read_shape(const Model& model, const Header& header) {
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    refuse("is not one, or of another version");
  if (header.model[0] != model.hash()[0] || header.model[1] != model.hash()[1])
    refuse("belongs to another model");
  if (header.state_heads > model.config().heads) refuse("has more heads than the model");
  const StateShape shape =
      StateShape::of(model.config(), static_cast<std::size_t>(header.state_heads), header.window);
  const bool fits = header.layers == shape.layers && header.heads == shape.heads &&
                    header.key_dim == shape.key_dim && header.value_dim == shape.value_dim &&
                    header.hidden_size == shape.hidden_size;
  if (!fits || header.tokens > kMaxTokens || header.window > kMaxTokens)
    refuse("has another shape than the model");
  return shape;
}

}  // namespace

std::vector<std::byte> serialize(const State& state) {
  const Memory& memory = state.memory();
  const Header header = header_of(state);
  std::vector<std::byte> out(sizeof header + state.state_bytes() + memory.hidden.size() +
                             state.kv_bytes() + kChecksumBytes);
  std::size_t end = 0;
  const auto append = [&](std::span<const std::byte> bytes) {
    std::memcpy(out.data() + end, bytes.data(), bytes.size());
    end += bytes.size();
  };
  append(std::as_bytes(std::span(&header, 1)));
  append(memory.ssm.bytes());
  append(memory.conv.bytes());
  append(memory.hidden.bytes());
  for (const std::shared_ptr<KvPage>& page : memory.pages) append(std::as_const(*page).bytes());
  const std::uint64_t checksum = formats::xxh64(std::span(out).first(end));
  append(std::as_bytes(std::span(&checksum, 1)));
  return out;
}

std::shared_ptr<const State> restore(const Model& model, std::span<const std::byte> bytes) {
  Header header;
  if (bytes.size() < sizeof header + kChecksumBytes) refuse("is cut off");
  std::memcpy(&header, bytes.data(), sizeof header);
  const StateShape shape = read_shape(model, header);

  std::span<const std::byte> payload = bytes.subspan(sizeof header);
  payload = payload.first(payload.size() - kChecksumBytes);
  const std::size_t fixed =
      shape.ssm_bytes() + shape.conv_bytes() + shape.hidden_size * sizeof(float);
  const std::uint64_t pages = shape.page_count(header.tokens);
  const bool whole = payload.size() >= fixed &&
                     (pages == 0 ? payload.size() == fixed
                                 : (payload.size() - fixed) % shape.page_bytes() == 0 &&
                                       (payload.size() - fixed) / shape.page_bytes() == pages);
  if (!whole) refuse("is cut off or too long");
  std::uint64_t checksum;
  std::memcpy(&checksum, bytes.data() + bytes.size() - kChecksumBytes, sizeof checksum);
  if (checksum != formats::xxh64(bytes.first(bytes.size() - kChecksumBytes))) refuse("is corrupt");

  Memory memory = Memory::zero(shape, model.meter());
  const auto take = [&](std::span<std::byte> target) {
    std::memcpy(target.data(), payload.data(), target.size());
    payload = payload.subspan(target.size());
  };
  take(memory.ssm.bytes());
  take(memory.conv.bytes());
  take(memory.hidden.bytes());
  for (std::uint64_t i = 0; i < pages; ++i) {
    take(memory.pages.emplace_back(std::make_shared<KvPage>(shape.page_bytes(), model.meter()))
             ->bytes());
  }
  memory.tokens = header.tokens;
  return std::make_shared<const State>(model.hash(), shape, std::move(memory));
}

}  // namespace stateline::engine
