/** A system call, what happens to it (SECCOMP_RET_* with its data), and the arguments it is about. */
export interface SeccompRule {
  name: string;
  action: number;
  args: { index: number; op: string; value: bigint; valueTwo: bigint }[];
}

/** What this kernel can do, and what is asked of it for niwad itself. */
export interface Host {
  /** Now on CLOCK_BOOTTIME. */
  boottimeNs(): bigint;
  /** Whether the kernel id-maps the file system of a path; true also where it cannot be asked. */
  canIdmap(path: string): boolean;
  /** Whether the kernel takes device filters from us. */
  canFilterDevices(): boolean;
  /** Compiles rules to instructions of 8 bytes each. @throws KernelError where libseccomp refuses them */
  compileSeccomp(defaultAction: number, rules: readonly SeccompRule[]): Uint8Array;
  /** Sets how many files a process may have open (RLIMIT_NOFILE). @throws KernelError */
  limitOpenFiles(pid: number, soft: number, hard: number): void;
  /** Takes a directory for this process alone, until its end. @throws KernelError EAGAIN where another process has it */
  holdDirectory(path: string): void;
  /** The same of a file, made with mode 0600 where it is not there; links are not followed. @throws KernelError */
  holdFile(path: string): void;
}
