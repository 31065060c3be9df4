/** What a machine says of itself, gathered when the sandbox did not start. */
export interface RefusalFacts {
  platform: string;
  root: boolean;
  /** Inside Docker, Podman or Kubernetes. */
  container: boolean;
  /** A system call filter is on this process (Docker's default one). */
  seccomp: boolean;
  /** /proc/self/ns/user is there. */
  userNamespaces: boolean;
  /** kernel.apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later). */
  apparmorRestricts: boolean;
  /** kernel.unprivileged_userns_clone (older Debian); undefined where the kernel has no such switch. */
  userNamespaceClone: string | undefined;
  /** user.max_user_namespaces */
  mostUserNamespaces: number | undefined;
  /** We are root, and the uids of the sandbox exist here; a user namespace may have only a few. */
  uidsMapped: boolean;
  /** Programs that were not found, by name. */
  missingPrograms: readonly string[];
  /** What the trial printed. */
  output: string;
}

export interface Refusal {
  reason: string;
  mend: string;
}

const DOCKER =
  'docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined';

// As bwrap and unshare say it of namespaces, id maps and mounts; not any refused call.
const FORBIDDEN =
  /no permissions to creat|(namespace|unshare|clone|uid[ _]map|mount|loopback).*(not permitted|permission denied)/i;

/**
 * Why the sandbox cannot be had here and the one thing that mends it. Order matters: what is
 * missing comes before what forbids, and a container's walls before the kernel's switches, which
 * cannot be turned from inside it.
 */
export function explainRefusal(facts: RefusalFacts): Refusal {
  const said = facts.output.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  const forbidden = FORBIDDEN.test(facts.output);
  if (facts.platform !== 'linux') {
    return {
      reason: `the sandbox needs Linux namespaces, and this is ${facts.platform}`,
      mend: 'run Patchwright in a Linux virtual machine or container',
    };
  }
  const missing = facts.missingPrograms[0];
  if (missing !== undefined) {
    const [name, program] = missing.includes('bwrap') ? ['bubblewrap', 'bwrap'] : ['util-linux', missing];
    return { reason: `there is no ${program}`, mend: asRoot(facts, `apt-get install ${name}`) };
  }
  if (facts.root && !facts.uidsMapped) {
    return {
      reason: 'this root is alone in its user namespace: there is no other uid for a sandbox to have',
      mend: 'run Patchwright as a user that is not root',
    };
  }
  if (!facts.userNamespaces) {
    return {
      reason: 'this kernel has no user namespaces',
      mend: 'boot a kernel that was built with CONFIG_USER_NS=y',
    };
  }
  // Before the container's words: a limit of 0 says ENOSPC and not EPERM, in a container too.
  if (facts.mostUserNamespaces === 0 || /no space left|ENOSPC/i.test(facts.output)) {
    return {
      reason: 'this machine allows no further user namespaces (user.max_user_namespaces)',
      mend: asRoot(facts, 'sysctl -w user.max_user_namespaces=15000'),
    };
  }
  if (facts.container && /proc/.test(said) && forbidden) {
    return { reason: `Docker hides parts of /proc, so no new one can be mounted (${said})`, mend: `${DOCKER} …` };
  }
  if (facts.container && (forbidden || facts.seccomp)) {
    return { reason: `Docker's seccomp profile forbids new namespaces (${said})`, mend: `${DOCKER} …` };
  }
  if (facts.userNamespaceClone === '0') {
    return {
      reason: 'this kernel keeps user namespaces for root (kernel.unprivileged_userns_clone=0)',
      mend: asRoot(facts, 'sysctl -w kernel.unprivileged_userns_clone=1'),
    };
  }
  if (facts.apparmorRestricts) {
    return {
      reason: "Ubuntu's AppArmor forbids user namespaces to programs without a profile",
      mend: asRoot(facts, 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'),
    };
  }
  if (forbidden && facts.seccomp) {
    return {
      reason: `a system call filter on this process forbids new namespaces (${said})`,
      mend: 'start Patchwright without it (systemd: RestrictNamespaces=no, SystemCallFilter=)',
    };
  }
  return {
    reason: `the trial ended with: ${said || 'no word'}`,
    mend: 'bwrap --unshare-all --ro-bind / / true # says what is wrong',
  };
}

function asRoot({ root }: RefusalFacts, command: string): string {
  return root ? command : `sudo ${command}`;
}
