/** The include directions of native/: binding -> engine -> models, cuda, kernels and formats, never upwards; headers form no cycle. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const native = fileURLToPath(new URL("../../native", import.meta.url));

/** What each folder may include beside itself and the system's headers. */
const MAY_INCLUDE: Readonly<Record<string, readonly string[]>> = {
  tensors: [],
  formats: ["tensors"],
  kernels: ["tensors"],
  models: ["formats", "kernels", "tensors"],
  cuda: ["kernels", "tensors"],
  engine: ["models", "formats", "kernels", "cuda", "tensors"],
  longrange: ["engine", "kernels", "formats", "tensors"],
  binding: ["engine", "models", "kernels", "formats", "tensors"],
  longrange_binding: ["binding", "longrange", "engine", "kernels", "formats", "tensors"],
};

type Sources = Readonly<Record<string, string>>;

function readSources(): Sources {
  const paths = Object.keys(MAY_INCLUDE).flatMap((folder) =>
    globSync(`${folder}/**/*.{cc,h,cu,cuh,inc}`, { cwd: native }),
  );
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(native, path), "utf8")]));
}

/** Quoted includes are relative to native/ or to the file itself. */
function includesOf(path: string, sources: Sources): string[] {
  const quoted = [...(sources[path] ?? "").matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)];
  return quoted.map(([, name = ""]) => {
    const beside = normalize(join(dirname(path), name));
    return beside in sources ? beside : name;
  });
}

const folderOf = (path: string): string => path.split("/")[0] ?? "";

function wrongDirections(sources: Sources): string[] {
  return Object.keys(sources).flatMap((path) =>
    includesOf(path, sources)
      .filter((included) => {
        const [from, to] = [folderOf(path), folderOf(included)];
        return from !== to && !MAY_INCLUDE[from]?.includes(to);
      })
      .map((included) => `${path} -> ${included}`),
  );
}

/** The first cycle of headers found, as the paths on it, or nothing. */
function findCycle(sources: Sources): string[] {
  const done = new Set<string>();
  const visit = (path: string, road: readonly string[]): string[] => {
    if (road.includes(path)) return [...road.slice(road.indexOf(path)), path];
    if (done.has(path) || !(path in sources)) return [];
    for (const included of includesOf(path, sources)) {
      const cycle = visit(included, [...road, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of Object.keys(sources)) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

test("native/ includes in one direction only", () => {
  const sources = readSources();
  assert.ok(Object.keys(sources).length > 10, "the sources are found");
  assert.deepEqual(wrongDirections(sources), []);
});

test("no header of native/ includes itself by a detour", () => {
  assert.deepEqual(findCycle(readSources()), []);
});

const PLANTED: readonly (readonly [path: string, include: string])[] = [
  ["kernels/linear.h", "engine/state.h"],
  ["kernels/cpu/linear.cc", "formats/json.h"],
  ["kernels/cuda/gemm.cu", "engine/state.h"],
  ["kernels/cuda/gemm.cu", "cuda/gpu.h"],
  ["cuda/library.cu", "engine/state.h"],
  ["cuda/library.cu", "models/ops.h"],
  ["models/pass.cc", "engine/cpu_ops.h"],
  ["formats/json.h", "kernels/linear.h"],
  ["engine/model.cc", "binding/addon.h"],
  ["kernels/thread_pool.cc", "binding/delivery.h"],
  ["engine/model.cc", "longrange/model.h"],
  ["longrange/stream.cc", "binding/model.h"],
  ["binding/addon.cc", "longrange/model.h"],
];

for (const [path, include] of PLANTED) {
  test(`${path} may not include ${include}`, () => {
    const sources = { [path]: `#include <vector>\n#include "${include}"\n` };
    assert.deepEqual(wrongDirections(sources), [`${path} -> ${include}`]);
  });
}

test("a planted cycle of headers is found", () => {
  const sources = {
    "engine/a.h": '#include "engine/b.h"\n',
    "engine/b.h": '#include "c.h"\n',
    "engine/c.h": '#include "engine/a.h"\n',
  };
  assert.deepEqual(findCycle(sources), ["engine/a.h", "engine/b.h", "engine/c.h", "engine/a.h"]);
});
