/**
 * The launches of one layer, counted from the kernels' sources: threads and tiles are their traits, instructions a count by
 * hand of what a lane does for each element. The layer is one of a model of about a billion parameters: the embedded
 * model's layers are too small for any of these GPUs to be busy.
 */
import type { Launch } from "./model.ts";

export const LAYER = { d: 2048, H: 32, K: 64, V: 64, F: 5632, vocab: 32_768 } as const;
/** Tokens read at once, and tokens in the cache of the heads that attend (8 of 32). */
export const READ = 2048;
export const CACHED = 32_768;
export const ATTENDING = 8;
/** Of a long convolution, over as many tokens as are CACHED. */
export const LAGS = 2048;

const { d, H, K, V, F, vocab } = LAYER;
const CHANNELS = H * (2 * K + V);
const ROWS = CHANNELS + H * V + H;
const CHUNK = 64;
const BF16 = 2;
const F32 = 4;

function gemv(format: 0 | 1 | 2, name: string, bytesPerWeight: number, instructions: number): Launch {
  return {
    kernel: `gemv_kernel<${format}>`,
    label: `gemv, ${name}`,
    threads: 128,
    blocks: Math.ceil((2 * F) / 4),
    bytes: 2 * F * d * bytesPerWeight,
    instructions: 2 * F * d * instructions,
    // Four loads of eight weights are unrolled.
    bytesInFlight: 4 * 8 * bytesPerWeight,
  };
}

function gemm(format: 0 | 1 | 2, name: string, bytesPerWeight: number): Launch {
  const [tile, warpTile, slice] = [128, 64, 32];
  const blocks = Math.ceil(READ / tile) * Math.ceil(ROWS / tile);
  const slices = blocks * (d / slice);
  const warps = (tile / warpTile) ** 2;
  return {
    kernel: `gemm_kernel<128, 64, 64, ${format}>`,
    label: `gemm, ${name}`,
    threads: warps * 32,
    blocks,
    bytes: READ * d * BF16 + ROWS * d * bytesPerWeight + READ * ROWS * BF16,
    flops: 2 * READ * ROWS * d,
    tileFlops: blocks * tile * tile * d * 2,
    // A slice is written once and read by each warp.
    sharedTraffic: slices * slice * BF16 * (2 * tile + warps * 2 * warpTile),
    // Multiplying (mma and ldmatrix), and what expanding a weight costs.
    instructions: slices * (warps * 100 * 32 + tile * slice * (format === 0 ? 1 : 4)),
    bytesInFlight: 4 * 32,
  };
}

const chunks = (READ / CHUNK) * H;

function attentionPrefill(): Launch {
  const [queries, warps, warpQueries, pageTokens] = [128, 4, 32, 32];
  // Queries times keys before a block's end, and those that the warps do not pass over.
  const brought = (H * READ * (READ + queries)) / 2;
  const worked = (H * READ * (READ + warpQueries)) / 2;
  return {
    kernel: `attention_prefill_kernel<64, 64, ${warpQueries}>`,
    label: "attention, prefill (causal)",
    threads: warps * 32,
    blocks: (READ / queries) * H,
    bytes: READ * H * (2 * K + 2 * V) * BF16,
    flops: H * READ * READ * (K + V),
    tileFlops: 2 * worked * (K + V),
    // A page is written once and read by each warp; the queries are, once.
    sharedTraffic: ((brought + worked * warps) / queries) * (K + V) * BF16 + 2 * READ * H * K * BF16,
    // A product 2, its factors 0.5, scale and bias 1.2, softmax 5, filling 2, the page 1.
    instructions: worked * 12,
    bytesInFlight: (pageTokens * (K + V) * BF16) / (warps * 32),
  };
}

const PREFILL: readonly Launch[] = [
  {
    kernel: "rms_norm_kernel<float>",
    label: "RMSNorm",
    threads: 128,
    blocks: READ / 4,
    bytes: READ * d * (F32 + BF16),
    instructions: READ * d * 14,
    bytesInFlight: 8 * F32,
  },
  gemm(0, "bf16", BF16),
  gemm(1, "int8", 1),
  gemm(2, "int4", 0.5625),
  {
    kernel: "causal_conv_tiled_kernel",
    label: "causal convolution, tiled",
    threads: 128,
    blocks: (READ / 64) * Math.ceil(CHANNELS / 64),
    bytes: READ * CHANNELS * 2 * BF16,
    sharedTraffic: READ * CHANNELS * 2 * BF16,
    instructions: READ * CHANNELS * 26,
    bytesInFlight: 4 * 16,
  },
  {
    kernel: "ssd_chunk_state_kernel<64, 64>",
    label: "SSD, chunk states",
    threads: 128,
    blocks: chunks,
    bytes: chunks * (CHUNK * ((K + V) * BF16 + 8) + K * V * F32),
    flops: chunks * 2 * CHUNK * K * V,
    sharedTraffic: chunks * CHUNK * BF16 * (K + V * 7),
    instructions: chunks * CHUNK * (K + V * 12),
    bytesInFlight: 4 * 16,
  },
  {
    kernel: "ssd_scan_kernel",
    label: "SSD, scan over chunks",
    threads: 128,
    blocks: ((K * V) / 128) * H,
    bytes: chunks * K * V * 2 * F32,
    instructions: chunks * K * V * 12,
    // Of eight chunks.
    bytesInFlight: 8 * F32,
  },
  {
    kernel: "ssd_output_kernel<64, 64>",
    label: "SSD, outputs",
    threads: 128,
    blocks: chunks,
    bytes: chunks * (CHUNK * ((2 * K + 2 * V) * BF16 + 8) + K * V * F32),
    flops: chunks * CHUNK * (CHUNK * (K + V) + 2 * K * V),
    tileFlops: chunks * CHUNK * (1.25 * CHUNK * (K + V) + 2 * K * V),
    sharedTraffic: chunks * BF16 * (CHUNK * 2 * (K + V) + 4 * (1.6 * CHUNK * (K + V) + K * V)),
    instructions: chunks * CHUNK * (0.625 * CHUNK * 12 + K * 6 + V * 6),
    bytesInFlight: 4 * 16,
  },
  attentionPrefill(),
  {
    kernel: "gate_kernel",
    label: "SwiGLU",
    threads: 128,
    blocks: (READ * F) / 8 / 128,
    bytes: READ * F * 3 * BF16,
    instructions: READ * F * 22,
    bytesInFlight: 32,
  },
  {
    kernel: "head_end_kernel<32>",
    label: "skip, norm and gate",
    threads: 128,
    blocks: (READ * H) / 4,
    bytes: READ * H * V * 4 * BF16,
    instructions: READ * H * V * 45,
    // Of the first pass; the second has all but the gates from the caches.
    bytesInFlight: 2 * 2 * BF16,
  },
];

function ssdStep(): Launch {
  const [threads, warps, columns] = [256, 8, 32];
  const blocks = H * (V / columns);
  // Of a block: its columns of the state; q, k, v, decay and step.
  const read = K * columns * F32 + (2 * K + columns) * BF16 + 2 * F32;
  const written = K * columns * F32 + columns * BF16;
  return {
    kernel: "ssd_step_kernel",
    label: "recurrence, a token",
    threads,
    blocks,
    bytes: blocks * (read + written),
    // The warps' parts of y.
    sharedTraffic: blocks * warps * columns * 2 * F32,
    // A cell is loaded, decayed, added to, multiplied and stored; the warps' parts are added.
    instructions: blocks * columns * (K * 6 + warps * 4),
    // Everything is asked for before the first wait.
    bytesInFlight: read / threads,
  };
}

const DECODE: readonly Launch[] = [
  gemv(0, "bf16", BF16, 4),
  gemv(1, "int8", 1, 5),
  gemv(2, "int4", 0.5625, 5.5),
  ssdStep(),
  {
    kernel: "attention_decode_kernel<8>",
    label: "attention, decode over pages",
    threads: 128,
    blocks: 32 * ATTENDING,
    bytes: ATTENDING * CACHED * ((K + V) * BF16 + 12),
    instructions: ATTENDING * CACHED * ((K + V) * 2 + 8 * 30),
    // Eight rows of keys and of values.
    bytesInFlight: 2 * 8 * 16,
  },
  {
    kernel: "sample_kernel",
    label: "sampling",
    threads: 1024,
    blocks: 1,
    bytes: vocab * F32,
    // The greatest, the sum, and about 33 sums more, by bisection, for top-p; they come from the caches.
    instructions: vocab * (10 + 34 * 8),
    bytesInFlight: 8 * F32,
  },
];

/** Tokens in and out, and the history. */
const LONG_BYTES = (2 * CACHED * d + 2 * (LAGS - 1) * d) * F32;

function directConvolution(): Launch {
  const [tokens, lags, channels, eight] = [128, 128, 8, 8];
  const blocks = Math.ceil(CACHED / tokens) * Math.ceil(d / channels);
  const steps = blocks * Math.ceil(LAGS / lags) * tokens * channels * (lags / eight / eight);
  const filled = blocks * Math.ceil(LAGS / lags) * channels * (tokens + 2 * lags);
  return {
    kernel: "long_conv_kernel",
    label: "long convolution, direct",
    threads: 128,
    blocks,
    bytes: LONG_BYTES + d * LAGS * F32,
    // Eight inputs a thread; the four threads of a warp that share a channel read its weights at once.
    sharedTraffic: (filled + steps * eight * 1.25) * F32,
    instructions: steps * (eight * eight + 16) + filled * 20,
    bytesInFlight: 4 * F32,
  };
}

function fftConvolution(): Launch {
  const [size, radix, passes, complex] = [4096, 4, 6, 2 * F32];
  const blocks = d * Math.ceil(CACHED / (2 * (size - LAGS + 1)));
  return {
    kernel: `fft_conv_kernel<${size}>`,
    label: "long convolution, FFT",
    threads: size / radix,
    blocks,
    bytes: LONG_BYTES + d * size * complex,
    sharedTraffic: blocks * 2 * passes * size * complex * 2,
    // Two transforms; inputs, the product with the spectrum, outputs.
    instructions: blocks * (size / radix) * (2 * passes * 70 + 210),
    bytesInFlight: 2 * radix * F32,
  };
}

const tokenConvolution: Launch = {
  kernel: "long_conv_step_kernel",
  label: "long convolution, a token",
  threads: 128,
  blocks: d / 4,
  bytes: d * (LAGS + 2 * (LAGS - 1) + 2) * F32,
  instructions: d * LAGS * 10,
  // Eight lags, of the kernel and of the history.
  bytesInFlight: 2 * 8 * F32,
};

export const LAUNCHES: Readonly<Record<string, readonly Launch[]>> = {
  [`Reading ${READ.toLocaleString("en")} tokens`]: PREFILL,
  "Decoding a token": DECODE,
  [`A long convolution, ${CACHED.toLocaleString("en")} tokens, ${LAGS.toLocaleString("en")} lags, f32`]: [
    directConvolution(),
    fftConvolution(),
    tokenConvolution,
  ],
};
