/**
 * The system calls that nothing inside may make, as a classic BPF program for `bwrap --seccomp`.
 *
 * Namespaces do not cover everything: vsock reaches the host of a virtual machine from an empty
 * network namespace; memfd and System V segments are memory that belongs to no process; keyrings
 * and performance events are the kernel's. Also a second wall before mounts and namespaces.
 */

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** unix, IPv4, IPv6, netlink (getifaddrs). Not vsock (40), kernel crypto (38), packet (17), Bluetooth … */
const SOCKET_FAMILIES = [1, 2, 10, 16];
/** Typing into the terminal: TIOCSTI, and TIOCLINUX, which pastes. */
const TERMINAL_REQUESTS = [0x5412, 0x541c];
/** PostgreSQL needs a few bytes; 4,096 segments of this size are 256 MB at the most. */
const LARGEST_SEGMENT = 64 << 10;

interface Architecture {
  audit: number;
  /** Numbers from here on are another calling convention (x32), which the table does not know. */
  highest: number;
  refused: Record<string, number>;
  absent: Record<string, number>;
  socket: number;
  ioctl: number;
  shmget: number;
}

// The same numbers on both; the kernel stopped counting apart with 424.
const RECENT_REFUSED = {
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  mount_setattr: 442,
  quotactl_fd: 443,
  open_tree_attr: 467,
};
// Answered as if the kernel had none: programs then do without.
const RECENT_ABSENT = { io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427, memfd_secret: 447 };

const X86_64: Architecture = {
  audit: 0xc000003e,
  highest: 0x40000000,
  refused: {
    ...{ syslog: 103, pivot_root: 155, acct: 163, settimeofday: 164, mount: 165, umount2: 166, swapon: 167 },
    ...{ swapoff: 168, reboot: 169, iopl: 172, ioperm: 173, init_module: 175, delete_module: 176, quotactl: 179 },
    ...{ clock_settime: 227, kexec_load: 246, add_key: 248, request_key: 249, keyctl: 250, unshare: 272 },
    ...{ perf_event_open: 298, fanotify_init: 300, open_by_handle_at: 304, setns: 308, finit_module: 313 },
    ...{ kexec_file_load: 320, bpf: 321, userfaultfd: 323 },
    ...RECENT_REFUSED,
  },
  absent: { memfd_create: 319, ...RECENT_ABSENT },
  socket: 41,
  ioctl: 16,
  shmget: 29,
};

const ARM64: Architecture = {
  audit: 0xc00000b7,
  highest: 0x40000000,
  refused: {
    ...{ umount2: 39, mount: 40, pivot_root: 41, quotactl: 60, acct: 89, unshare: 97, kexec_load: 104 },
    ...{ init_module: 105, delete_module: 106, clock_settime: 112, syslog: 116, reboot: 142, settimeofday: 170 },
    ...{ add_key: 217, request_key: 218, keyctl: 219, swapon: 224, swapoff: 225, perf_event_open: 241 },
    ...{ fanotify_init: 262, open_by_handle_at: 265, setns: 268, finit_module: 273, bpf: 280 },
    ...{ userfaultfd: 282, kexec_file_load: 294 },
    ...RECENT_REFUSED,
  },
  absent: { memfd_create: 279, ...RECENT_ABSENT },
  socket: 198,
  ioctl: 29,
  shmget: 194,
};

// linux/bpf_common.h, linux/seccomp.h; struct seccomp_data: nr at 0, arch at 4, arguments from 16, 8 bytes each.
const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const errno = (number: number) => 0x00050000 | number;
const argument = (n: number) => 16 + 8 * n;

type Instruction = [code: number, jumpIfTrue: number, jumpIfFalse: number, k: number];

/**
 * The program for this processor, as bwrap reads it.
 *
 * @throws for a processor whose numbers we do not have: without the filter there is no sandbox.
 */
export function seccompFilter(processor: string = process.arch): Buffer {
  const architecture = { x64: X86_64, arm64: ARM64 }[processor];
  if (architecture === undefined) throw new Error(`the sandbox has no system call filter for ${processor}`);
  const program = instructions(architecture);
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpIfTrue, jumpIfFalse, k], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpIfTrue, index * 8 + 2);
    bytes.writeUInt8(jumpIfFalse, index * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4);
  });
  return bytes;
}

function instructions(a: Architecture): Instruction[] {
  const refuse = (calls: Record<string, number>, error: number) =>
    Object.values(calls).flatMap((call): Instruction[] => [
      [JUMP_EQUAL, 0, 1, call],
      [RETURN, 0, 0, errno(error)],
    ]);
  return [
    [LOAD, 0, 0, 4],
    // A 32-bit call has other numbers: none of them gets through.
    [JUMP_EQUAL, 1, 0, a.audit],
    [RETURN, 0, 0, errno(ENOSYS)],
    [LOAD, 0, 0, 0],
    [JUMP_AT_LEAST, 0, 1, a.highest],
    [RETURN, 0, 0, errno(ENOSYS)],
    ...refuse(a.refused, EPERM),
    ...refuse(a.absent, ENOSYS),
    ...onCall(a.socket, [[LOAD, 0, 0, argument(0)], ...unlessOneOf(SOCKET_FAMILIES, errno(EAFNOSUPPORT))]),
    ...onCall(a.ioctl, [[LOAD, 0, 0, argument(1)], ...ifOneOf(TERMINAL_REQUESTS, errno(EPERM))]),
    ...onCall(a.shmget, [
      [LOAD, 0, 0, argument(1) + 4],
      [JUMP_GREATER, 2, 0, 0],
      [LOAD, 0, 0, argument(1)],
      [JUMP_GREATER, 0, 1, LARGEST_SEGMENT],
      [RETURN, 0, 0, errno(EINVAL)],
      [RETURN, 0, 0, ALLOW],
    ]),
    [RETURN, 0, 0, ALLOW],
  ];
}

/** `body` ends in a return on every way. */
function onCall(call: number, body: Instruction[]): Instruction[] {
  return [[JUMP_EQUAL, 0, body.length, call], ...body];
}

function unlessOneOf(values: readonly number[], otherwise: number): Instruction[] {
  const tests = values.map((value, i): Instruction => [JUMP_EQUAL, values.length - i, 0, value]);
  return [...tests, [RETURN, 0, 0, otherwise], [RETURN, 0, 0, ALLOW]];
}

function ifOneOf(values: readonly number[], then: number): Instruction[] {
  const tests = values.map((value, i): Instruction => [JUMP_EQUAL, values.length - i, 0, value]);
  return [...tests, [RETURN, 0, 0, ALLOW], [RETURN, 0, 0, then]];
}
