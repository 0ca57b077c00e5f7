/** What no person wrote, or is not text, judged by names alone. */
import { posix } from "node:path";

const FOREIGN_FOLDERS: ReadonlySet<string> = new Set([
  ...[".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "__pycache__", "site-packages"],
  ...[".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"],
  ...[".cache", ".next", ".nuxt", ".svelte-kit", ".yarn", ".pnpm-store", ".gradle", ".terraform", ".idea"],
]);

const LOCK_FILES: ReadonlySet<string> = new Set([
  ...["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"],
  ...["cargo.lock", "poetry.lock", "pdm.lock", "uv.lock", "pipfile.lock", "gemfile.lock", "composer.lock"],
  ...["go.sum", "flake.lock", "mix.lock", "podfile.lock", "packages.lock.json", "pubspec.lock", "deno.lock"],
]);

const GENERATED =
  /[.-]min\.(js|css|mjs|cjs)$|\.bundle\.js$|\.map$|\.d\.ts\.map$|_pb2(_grpc)?\.pyi?$|\.pb\.(go|cc|h)$|\.g\.dart$|\.designer\.cs$|\.snap$/;

const BINARY = new RegExp(
  `\\.(${[
    "png|jpe?g|gif|bmp|ico|icns|webp|avif|tiff?|psd|svgz?|pdf|eps|ai",
    "mp[34]|m4[av]|wav|ogg|flac|avi|mov|mkv|webm|ttf|otf|woff2?|eot",
    "zip|gz|tgz|bz2|xz|zst|7z|rar|tar|jar|war|whl|egg|nupkg|vsix|apk|deb|rpm|dmg|iso|msi",
    "exe|dll|so|dylib|a|o|obj|lib|pyc|pyo|pyd|class|wasm|node|bin|dat|db|sqlite3?|pack|idx",
    "safetensors|gguf|onnx|pt|pth|ckpt|npy|npz|h5|hdf5|parquet|arrow|feather|pkl|pickle|joblib",
    "xlsx?|docx?|pptx?|odt|ods",
  ].join("|")})$`,
);

/** Why a file of this name is not read; undefined when it is. */
export function reasonByName(path: string): string | undefined {
  const name = posix.basename(path).toLowerCase();
  // Of a linked worktree or a submodule: it names another folder.
  if (name === ".git") return "is Git's own";
  if (LOCK_FILES.has(name)) return "is a lock file";
  if (GENERATED.test(name)) return "is generated";
  if (BINARY.test(name)) return "is not text";
  return undefined;
}

/** Dependencies, caches or a tool's own files; the path is relative to the workspace's folder, which may be in one itself. */
export function isInForeignFolder(relativePath: string): boolean {
  return relativePath
    .split("/")
    .slice(0, -1)
    .some((name) => FOREIGN_FOLDERS.has(name));
}
