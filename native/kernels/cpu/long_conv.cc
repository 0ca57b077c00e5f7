#include "kernels/long_conv.h"

#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

LongConv long_conv;

namespace {

constexpr size_t kBlock = kLongConvBlock;
constexpr size_t kLagSlice = 512;             // summed by themselves: a long chain loses digits
constexpr size_t kPiece = 4096;               // tokens of a channel that are worked on together
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it

// One channel's piece. `series` holds it newest first, so that row r, the r-th block of outputs
// from the end, sees its inputs as a plain run that begins at r * kBlock: y(r, j) = sum_k series[r
// * kBlock + k] row[k + j].
class Channel {
 public:
  Channel(const LongKernel& kernel, float* series) : kernel_(kernel), series_(series) {}

  void run(size_t c, size_t tokens, const float* u, size_t ldu, float* history, float* y,
           size_t ldy) {
    const size_t rows = (tokens + kBlock - 1) / kBlock;
    const size_t fill = rows * kBlock - tokens;  // places after the last token, never shown
    const size_t before = kernel_.history();
    std::memset(series_, 0, fill * sizeof(float));
    for (size_t t = 0; t < tokens; ++t) series_[fill + tokens - 1 - t] = u[t * ldu + c];
    // A kernel of one lag has no history, and its pointer may be null.
    if (before > 0) std::memcpy(series_ + fill + tokens, history, before * sizeof(float));
    // Read by the last tile's products with the zeros before and after the kernel.
    const size_t end = fill + tokens + before;
    std::memset(series_ + end, 0, (kTileRows + 1) * kBlock * sizeof(float));
    for (size_t r = 0; r < rows; r += kTileRows) {
      for (size_t j = 0; j < kBlock; j += kTileCols) {
        alignas(64) float out[kTileRows * kTileCols] = {};
        sum_lags(c, r, j, out);
        give(out, r, j, rows, tokens, y + c, ldy);
      }
    }
    if (before > 0) std::memcpy(history, series_ + fill, before * sizeof(float));
  }

 private:
  // out [kTileRows, kTileCols] += y of the rows from r on, at the places from j on.
  void sum_lags(size_t c, size_t r, size_t j, float* out) const {
    const size_t terms = kernel_.lags() + kBlock - 1;
    for (size_t k = 0; k < terms; k += kLagSlice) {
      auto tile = zero_tile<kTileRows>();
      product(tile, series_ + r * kBlock + k, kBlock, kernel_.row(c) + j + k, 1,
              smaller(kLagSlice, terms - k));
      for (size_t row = 0; row < kTileRows; ++row) {
        for (size_t v = 0; v < kTileVecs; ++v) {
          float* place = out + row * kTileCols + v * kLanes;
          store(place, load(place) + tile.sums[row][v]);
        }
      }
    }
  }

  static void give(const float* out, size_t r, size_t j, size_t rows, size_t tokens, float* y,
                   size_t ldy) {
    for (size_t row = r; row < smaller(r + kTileRows, rows); ++row) {
      const size_t begin = (rows - 1 - row) * kBlock + j;
      for (size_t i = 0; i < kTileCols && begin + i < tokens; ++i)
        y[(begin + i) * ldy] = out[(row - r) * kTileCols + i];
    }
  }

  const LongKernel& kernel_;
  float* series_;
};

}  // namespace

void long_conv(ThreadPool& pool, const LongKernel& kernel, size_t tokens, const float* u,
               size_t ldu, float* history, float* y, size_t ldy) {
  const double products =
      static_cast<double>(kernel.channels() * tokens) * static_cast<double>(kernel.lags() + kBlock);
  const double cost = 2 * products / kFlopsPerNs;
  const size_t blocks = pool.blocks_for(kernel.channels(), cost);
  const size_t room = round_up(kernel.lags() + kPiece + (kTileRows + 3) * kBlock, kBlock);
  auto* series = reinterpret_cast<float*>(pool.scratch(blocks * room * sizeof(float)));
  pool.run(blocks, cost, [&](size_t block) {
    Channel channel(kernel, series + block * room);
    const size_t end = kernel.channels() * (block + 1) / blocks;
    for (size_t c = kernel.channels() * block / blocks; c < end; ++c) {
      for (size_t t = 0; t < tokens; t += kPiece) {
        channel.run(c, smaller(kPiece, tokens - t), u + t * ldu, ldu,
                    history + c * kernel.history(), y + t * ldy, ldy);
      }
    }
  });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
