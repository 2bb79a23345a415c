/** A file of an image's layer, as it is to be made. Names are bytes: nothing says that they are UTF-8. */
export interface LayerEntry {
  kind: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'whiteout' | 'opaque';
  /** Relative to the layer's root, without "." and "..". */
  path: Buffer;
  /** Of a symlink, as it is; of a hard link, a path like `path`. */
  target: Buffer;
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** Names and values. */
  xattrs: readonly (readonly [Buffer, Buffer])[];
}

/** What was made of an entry of a layer. */
export interface MadeEntry {
  /** Of a file: it wants its bytes and then {@link Layers.finish}, and the caller owns it; -1 for all others. */
  fd: number;
  /**
   * Directories with the times that they are to have in the end, and their paths without links: that of the entry, and those that
   * were missing on the way.
   */
  directories: Pick<LayerEntry, 'path' | 'mtimeSec' | 'mtimeNsec'>[];
  /** The bytes of a file of a layer below that was copied since a hard link is to it. */
  copiedBytes: number;
}

/** Makes the files of images' layers, and reads in them. */
export interface Layers {
  /**
   * Gives the empty root of a layer what the layer below has of its own. `layers` are open descriptors of its directory and of those
   * of the layers below it, topmost first.
   * @throws KernelError
   */
  begin(layers: readonly number[]): Promise<MadeEntry>;
  /**
   * Makes a file of a layer below the first directory of `layers`, as the others show the rest: nothing outside of the first is
   * touched, whatever the paths say.
   * @throws KernelError EFBIG where more than `maxBytes` would have to be copied
   */
  make(layers: readonly number[], entry: LayerEntry, maxBytes: number): Promise<MadeEntry>;
  /** Sets owner, mode, extended attributes and time of an open file. @throws KernelError */
  finish(fd: number, entry: LayerEntry): Promise<void>;
  /** Sets the time of a directory once nothing more is made in it. @throws KernelError */
  setTime(root: number, entry: LayerEntry): Promise<void>;
  /** Writes the file system of a descriptor to its disk (syncfs). @throws KernelError */
  sync(fd: number): Promise<void>;
  /**
   * Reads a file as an overlay of directories, topmost first, would show it; links lead nowhere outside.
   * @throws KernelError ENOENT, EINVAL where it is no file, EFBIG for more than `maxBytes`, ELOOP for more than 2048 lookups, EXDEV
   *   where something is mounted on the way
   */
  read(layers: readonly string[], path: string, maxBytes: number): Buffer;
}
