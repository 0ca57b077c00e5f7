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

// Of a page in the layout of kernels/attention.h.
std::size_t stored_page_bytes(const StateShape& shape) {
  return shape.layers * shape.attention_heads() *
         kernels::slot_bytes(shape.key_dim, shape.value_dim);
}

// A state's last page may hold later tokens of the text that it was read from: they are not stored.
void clear_unread(std::span<std::byte> page, const State& state) {
  const StateShape& shape = state.shape();
  const std::size_t read = state.token_count() % kernels::kPageTokens;
  if (read == 0) return;
  const std::size_t slot_bytes = kernels::slot_bytes(shape.key_dim, shape.value_dim);
  for (std::size_t at = 0; at < page.size(); at += slot_bytes)
    kernels::clear_slot(page.data() + at, read, shape.key_dim, shape.value_dim);
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
      StateShape::of(model, static_cast<std::size_t>(header.state_heads), header.window);
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
  const StateShape& shape = state.shape();
  const std::size_t page_bytes = stored_page_bytes(shape);
  std::vector<std::byte> out(sizeof header + state.state_bytes() + memory.hidden.size() +
                             memory.pages.size() * page_bytes + kChecksumBytes);
  std::memcpy(out.data(), &header, sizeof header);
  std::span<std::byte> rest = std::span(out).subspan(sizeof header);
  const auto next = [&rest](std::size_t bytes) {
    const std::span<std::byte> part = rest.first(bytes);
    rest = rest.subspan(bytes);
    return part;
  };
  for (const Buffer* buffer : {&memory.ssm, &memory.conv, &memory.hidden})
    buffer->read(next(buffer->size()));
  std::span<std::byte> stored;
  for (const std::shared_ptr<KvPage>& page : memory.pages) {
    stored = next(page_bytes);
    state.device()->read_slots(stored, page->data(), shape.key_dim, shape.value_dim);
  }
  clear_unread(stored, state);
  const std::uint64_t checksum = formats::xxh64(std::span(out).first(out.size() - kChecksumBytes));
  std::memcpy(rest.data(), &checksum, sizeof checksum);
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
  const std::size_t page_bytes = stored_page_bytes(shape);
  const std::uint64_t pages = shape.page_count(header.tokens);
  const bool whole =
      payload.size() >= fixed && (pages == 0 ? payload.size() == fixed
                                             : (payload.size() - fixed) % page_bytes == 0 &&
                                                   (payload.size() - fixed) / page_bytes == pages);
  if (!whole) refuse("is cut off or too long");
  std::uint64_t checksum;
  std::memcpy(&checksum, bytes.data() + bytes.size() - kChecksumBytes, sizeof checksum);
  if (checksum != formats::xxh64(bytes.first(bytes.size() - kChecksumBytes))) refuse("is corrupt");

  Memory memory = Memory::zero(shape, model.device());
  const auto next = [&payload](std::size_t size) {
    const std::span<const std::byte> part = payload.first(size);
    payload = payload.subspan(size);
    return part;
  };
  for (Buffer* buffer : {&memory.ssm, &memory.conv, &memory.hidden})
    buffer->write(next(buffer->size()));
  for (std::uint64_t i = 0; i < pages; ++i) {
    memory.pages.push_back(std::make_shared<KvPage>(shape.page_bytes(), model.device()));
    model.device()->write_slots(memory.pages.back()->data(), next(page_bytes), shape.key_dim,
                                shape.value_dim);
  }
  memory.tokens = header.tokens;
  return std::make_shared<const State>(model, shape, std::move(memory));
}

}  // namespace stateline::engine
