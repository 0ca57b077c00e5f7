/** Files that hold secrets, judged by their whole path, wherever they are. Code is read, whatever it is called. */

/** Files of settings and notes, or none: `secrets.yaml` holds secrets, `secrets.py` is a program. */
const DATA =
  "(\\.(jsonc?|json5|ya?ml|toml|ini|txt|env|properties|props|conf|cfg|cnf|config|xml|plist|csv|tsv|enc|tmp))?";

const NAMES: readonly RegExp[] = [
  /^\.env([._-].*)?$/,
  /^env\.(local|dev|development|test|staging|prod|production)$/,
  /\.env$/,
  /^\.(envrc|dev\.vars(\..*)?|flaskenv)$/,
  /^\.(npmrc|yarnrc|yarnrc\.yml|pypirc|netrc|pgpass|htpasswd|dockercfg|dockerconfigjson|git-credentials)$/,
  /^\.(vault_pass|vault-token|s3cfg|boto|my\.cnf|mylogin\.cnf|terraformrc|rhosts)$/,
  /^(_netrc|pgpass\.conf|rclone\.conf|terraform\.rc|pip\.(conf|ini)|nuget\.config|auth\.json|vault\.ya?ml)$/,
  /^(known_hosts|authorized_keys|shadow|htpasswd|wp-config\.php|local\.settings\.json)$/,
  /^(key|keystore|signing)\.properties$/,
  /^appsettings\.(production|prod|staging|live|local|secrets?)\.json$/,
  /^wg\d+\.conf$/,
  /^.*sftp.*\.json$/,
  /^(.*[-_.])?kubeconfig(\..*)?$/,
  /^firebase.*adminsdk.*\.json$|^.*-firebase-adminsdk-.*\.json$|^service[-_]?account.*\.json$/,
  new RegExp(`^(.*[-_.])?(credentials?|(client[-_]?)?secrets?|passwords)${DATA}$`),
  new RegExp(`^passw(or)?d${DATA}$`),
  new RegExp(`^(.*[-_.])?private[-_.]?key${DATA}$`),
  // Histories of shells and of the consoles of databases.
  /^\.\w+_history$|^fish_history$|^consolehost_history\.txt$|^\.(lesshst|viminfo)$/,
];

/** Whatever stands before or after. */
const KEYS: readonly RegExp[] = [
  /^id_(rsa|dsa|ecdsa|ed25519)/,
  /[-_.](rsa|dsa|ecdsa|ed25519)(\.pub)?$/,
  /\.(pem|key|pfx|p12|p8|ppk|jks|keystore|kdbx|asc|gpg|ovpn|crt|cer|der)$/,
  /\.(tfstate|tfvars)$|\.tfstate\.|\.tfvars\.json$/,
];

const FOLDERS = /\/(\.(ssh|aws|gnupg|azure|kube|docker|secrets)|\.config\/(gcloud|gh|rclone|op))\//;
const PATHS = /\/(\.m2\/settings(-security)?\.xml|config\/database\.ya?ml|\.gem\/credentials)$/;
const SECRETS_FOLDER = /\/secrets\//;

const CODE =
  /\.([cm]?[jt]sx?|vue|svelte|py|pyi|go|rs|java|kts?|scala|groovy|c|h|cc|cpp|cxx|hh|hpp|m|mm|cs|fs|vb|rb|php|swift|dart|ex|exs|erl|hs|ml|mli|clj|lua|r|jl|pl|pm|sh|bash|zsh|fish|ps1|sql|tf|proto|graphql|css|scss|html?|md|mdx|rst|adoc)$/;

/** What a person puts behind the name of a file that is kept aside. */
const ASIDE = /(\.(bak|backup|old|orig|save|saved|copy|tmp|swp|swo|rej|\d+)|~)$/;
const SAMPLE = /[-_.](example|sample|template|tmpl|dist|schema)(\.\w+)?$/;

/** The path is absolute, or relative to a workspace's folder; that of a folder ends in "/". */
export function isSecretPath(path: string): boolean {
  const whole = `/${path.replaceAll("\\", "/").toLowerCase()}`;
  if (FOLDERS.test(whole)) return true;
  if (whole.endsWith("/")) return false;
  const kept = withoutAside(whole);
  const name = kept.slice(kept.lastIndexOf("/") + 1);
  if (PATHS.test(kept) || KEYS.some((rule) => rule.test(name))) return true;
  if (SAMPLE.test(name)) return false;
  return NAMES.some((rule) => rule.test(name)) || (SECRETS_FOLDER.test(whole) && !CODE.test(name));
}

function withoutAside(path: string): string {
  for (let at = path; ; ) {
    const shorter = at.replace(ASIDE, "");
    if (shorter === at || shorter.endsWith("/")) return at;
    at = shorter;
  }
}
