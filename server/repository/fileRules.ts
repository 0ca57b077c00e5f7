/** Which files are never read, judged by their names alone: secrets, and what no person wrote. */
import { posix } from "node:path";

const SECRETS: readonly RegExp[] = [
  /^\.env(\..*)?$/,
  /\.env$/,
  /^\.(npmrc|yarnrc|pypirc|netrc|pgpass|htpasswd|dockercfg|git-credentials|vault_pass|envrc)$/,
  /^_netrc$/,
  /^id_(rsa|dsa|ecdsa|ed25519)/,
  /\.(pem|key|pfx|p12|p8|ppk|jks|keystore|kdbx|asc|gpg|ovpn|crt|cer|der|tfstate|tfvars)$/,
  /\.tfstate\./,
  /^credentials?(\..*)?$/,
  /^(client_)?secrets?(\.[^.]*)?(\.(json|ya?ml|toml|ini|txt|env|properties))?$/,
  /^service[-_]?account.*\.json$/,
  /^(known_hosts|authorized_keys|shadow|htpasswd)$/,
  /^\.?(aws|azure|gcloud)$/,
];

const SECRET_FOLDERS: ReadonlySet<string> = new Set([
  ".ssh",
  ".aws",
  ".gnupg",
  ".azure",
  ".kube",
  ".docker",
  ".secrets",
]);

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

/** undefined when a file of this name may be read. The path is relative, with forward slashes. */
export function reasonNotToRead(relativePath: string): string | undefined {
  if (isSecret(relativePath)) return "may hold secrets";
  const name = posix.basename(relativePath).toLowerCase();
  if (LOCK_FILES.has(name)) return "is a lock file";
  if (GENERATED.test(name)) return "is generated";
  if (BINARY.test(name)) return "is not text";
  return undefined;
}

export function isSecret(relativePath: string): boolean {
  const parts = relativePath.toLowerCase().split("/");
  const name = parts.at(-1) ?? "";
  if (/\.(example|sample|template|dist)$/.test(name) && name.startsWith(".env")) return false;
  return SECRETS.some((rule) => rule.test(name)) || parts.some((part) => SECRET_FOLDERS.has(part));
}

export function isForeignFolder(name: string): boolean {
  return FOREIGN_FOLDERS.has(name) || SECRET_FOLDERS.has(name.toLowerCase());
}
