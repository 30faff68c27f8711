/**
 * The groups of RFC 3526 that are large enough to be used, and group 1 of SSH,
 * which is the second of RFC 2409 and is not.
 *
 * Owns: primes and their generator. Data alone: a test recomputes each prime
 * from the formula it was chosen by, 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + k).
 * Must not know: who negotiates them.
 * Source: RFC 3526 §3 to §7, RFC 2409 §6.2 (RFC 4253 §8.1).
 */
import { equalBytes, fromHex } from '../../base/bytes.ts';
import type { DhGroup } from '../provider/provider.ts';

export type DhGroupName = 'group1' | 'group14' | 'group15' | 'group16' | 'group17' | 'group18';

const primes: { readonly [G in DhGroupName]: string } = {
  group1: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece65381 ffffffffffffffff`,
  group14: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece45b3d c2007cb8a163bf05 98da48361c55d39a 69163fa8fd24cf5f
    83655d23dca3ad96 1c62f356208552bb 9ed529077096966d 670c354e4abc9804 f1746c08ca18217c 32905e462e36ce3b
    e39e772c180e8603 9b2783a2ec07a28f b5c55df06f4c52c9 de2bcbf695581718 3995497cea956ae5 15d2261898fa0510
    15728e5a8aacaa68 ffffffffffffffff`,
  group15: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece45b3d c2007cb8a163bf05 98da48361c55d39a 69163fa8fd24cf5f
    83655d23dca3ad96 1c62f356208552bb 9ed529077096966d 670c354e4abc9804 f1746c08ca18217c 32905e462e36ce3b
    e39e772c180e8603 9b2783a2ec07a28f b5c55df06f4c52c9 de2bcbf695581718 3995497cea956ae5 15d2261898fa0510
    15728e5a8aaac42d ad33170d04507a33 a85521abdf1cba64 ecfb850458dbef0a 8aea71575d060c7d b3970f85a6e1e4c7
    abf5ae8cdb0933d7 1e8c94e04a25619d cee3d2261ad2ee6b f12ffa06d98a0864 d87602733ec86a64 521f2b18177b200c
    bbe117577a615d6c 770988c0bad946e2 08e24fa074e5ab31 43db5bfce0fd108e 4b82d120a93ad2ca ffffffffffffffff`,
  group16: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece45b3d c2007cb8a163bf05 98da48361c55d39a 69163fa8fd24cf5f
    83655d23dca3ad96 1c62f356208552bb 9ed529077096966d 670c354e4abc9804 f1746c08ca18217c 32905e462e36ce3b
    e39e772c180e8603 9b2783a2ec07a28f b5c55df06f4c52c9 de2bcbf695581718 3995497cea956ae5 15d2261898fa0510
    15728e5a8aaac42d ad33170d04507a33 a85521abdf1cba64 ecfb850458dbef0a 8aea71575d060c7d b3970f85a6e1e4c7
    abf5ae8cdb0933d7 1e8c94e04a25619d cee3d2261ad2ee6b f12ffa06d98a0864 d87602733ec86a64 521f2b18177b200c
    bbe117577a615d6c 770988c0bad946e2 08e24fa074e5ab31 43db5bfce0fd108e 4b82d120a9210801 1a723c12a787e6d7
    88719a10bdba5b26 99c327186af4e23c 1a946834b6150bda 2583e9ca2ad44ce8 dbbbc2db04de8ef9 2e8efc141fbecaa6
    287c59474e6bc05d 99b2964fa090c3a2 233ba186515be7ed 1f612970cee2d7af b81bdd762170481c d0069127d5b05aa9
    93b4ea988d8fddc1 86ffb7dc90a6c08f 4df435c934063199 ffffffffffffffff`,
  group17: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece45b3d c2007cb8a163bf05 98da48361c55d39a 69163fa8fd24cf5f
    83655d23dca3ad96 1c62f356208552bb 9ed529077096966d 670c354e4abc9804 f1746c08ca18217c 32905e462e36ce3b
    e39e772c180e8603 9b2783a2ec07a28f b5c55df06f4c52c9 de2bcbf695581718 3995497cea956ae5 15d2261898fa0510
    15728e5a8aaac42d ad33170d04507a33 a85521abdf1cba64 ecfb850458dbef0a 8aea71575d060c7d b3970f85a6e1e4c7
    abf5ae8cdb0933d7 1e8c94e04a25619d cee3d2261ad2ee6b f12ffa06d98a0864 d87602733ec86a64 521f2b18177b200c
    bbe117577a615d6c 770988c0bad946e2 08e24fa074e5ab31 43db5bfce0fd108e 4b82d120a9210801 1a723c12a787e6d7
    88719a10bdba5b26 99c327186af4e23c 1a946834b6150bda 2583e9ca2ad44ce8 dbbbc2db04de8ef9 2e8efc141fbecaa6
    287c59474e6bc05d 99b2964fa090c3a2 233ba186515be7ed 1f612970cee2d7af b81bdd762170481c d0069127d5b05aa9
    93b4ea988d8fddc1 86ffb7dc90a6c08f 4df435c934028492 36c3fab4d27c7026 c1d4dcb2602646de c9751e763dba37bd
    f8ff9406ad9e530e e5db382f413001ae b06a53ed9027d831 179727b0865a8918 da3edbebcf9b14ed 44ce6cbaced4bb1b
    db7f1447e6cc254b 332051512bd7af42 6fb8f401378cd2bf 5983ca01c64b92ec f032ea15d1721d03 f482d7ce6e74fef6
    d55e702f46980c82 b5a84031900b1c9e 59e7c97fbec7e8f3 23a97a7e36cc88be 0f1d45b7ff585ac5 4bd407b22b4154aa
    cc8f6d7ebf48e1d8 14cc5ed20f8037e0 a79715eef29be328 06a1d58bb7c5da76 f550aa3d8a1fbff0 eb19ccb1a313d55c
    da56c9ec2ef29632 387fe8d76e3c0468 043e8f663f4860ee 12bf2d5b0b7474d6 e694f91e6dcc4024 ffffffffffffffff`,
  group18: `
    ffffffffffffffff c90fdaa22168c234 c4c6628b80dc1cd1 29024e088a67cc74 020bbea63b139b22 514a08798e3404dd
    ef9519b3cd3a431b 302b0a6df25f1437 4fe1356d6d51c245 e485b576625e7ec6 f44c42e9a637ed6b 0bff5cb6f406b7ed
    ee386bfb5a899fa5 ae9f24117c4b1fe6 49286651ece45b3d c2007cb8a163bf05 98da48361c55d39a 69163fa8fd24cf5f
    83655d23dca3ad96 1c62f356208552bb 9ed529077096966d 670c354e4abc9804 f1746c08ca18217c 32905e462e36ce3b
    e39e772c180e8603 9b2783a2ec07a28f b5c55df06f4c52c9 de2bcbf695581718 3995497cea956ae5 15d2261898fa0510
    15728e5a8aaac42d ad33170d04507a33 a85521abdf1cba64 ecfb850458dbef0a 8aea71575d060c7d b3970f85a6e1e4c7
    abf5ae8cdb0933d7 1e8c94e04a25619d cee3d2261ad2ee6b f12ffa06d98a0864 d87602733ec86a64 521f2b18177b200c
    bbe117577a615d6c 770988c0bad946e2 08e24fa074e5ab31 43db5bfce0fd108e 4b82d120a9210801 1a723c12a787e6d7
    88719a10bdba5b26 99c327186af4e23c 1a946834b6150bda 2583e9ca2ad44ce8 dbbbc2db04de8ef9 2e8efc141fbecaa6
    287c59474e6bc05d 99b2964fa090c3a2 233ba186515be7ed 1f612970cee2d7af b81bdd762170481c d0069127d5b05aa9
    93b4ea988d8fddc1 86ffb7dc90a6c08f 4df435c934028492 36c3fab4d27c7026 c1d4dcb2602646de c9751e763dba37bd
    f8ff9406ad9e530e e5db382f413001ae b06a53ed9027d831 179727b0865a8918 da3edbebcf9b14ed 44ce6cbaced4bb1b
    db7f1447e6cc254b 332051512bd7af42 6fb8f401378cd2bf 5983ca01c64b92ec f032ea15d1721d03 f482d7ce6e74fef6
    d55e702f46980c82 b5a84031900b1c9e 59e7c97fbec7e8f3 23a97a7e36cc88be 0f1d45b7ff585ac5 4bd407b22b4154aa
    cc8f6d7ebf48e1d8 14cc5ed20f8037e0 a79715eef29be328 06a1d58bb7c5da76 f550aa3d8a1fbff0 eb19ccb1a313d55c
    da56c9ec2ef29632 387fe8d76e3c0468 043e8f663f4860ee 12bf2d5b0b7474d6 e694f91e6dbe1159 74a3926f12fee5e4
    38777cb6a932df8c d8bec4d073b931ba 3bc832b68d9dd300 741fa7bf8afc47ed 2576f6936ba42466 3aab639c5ae4f568
    3423b4742bf1c978 238f16cbe39d652d e3fdb8befc848ad9 22222e04a4037c07 13eb57a81a23f0c7 3473fc646cea306b
    4bcbc8862f8385dd fa9d4b7fa2c087e8 79683303ed5bdd3a 062b3cf5b3a278a6 6d2a13f83f44f82d df310ee074ab6a36
    4597e899a0255dc1 64f31cc50846851d f9ab48195ded7ea1 b1d510bd7ee74d73 faf36bc31ecfa268 359046f4eb879f92
    4009438b481c6cd7 889a002ed5ee382b c9190da6fc026e47 9558e4475677e9aa 9e3050e2765694df c81f56e880b96e71
    60c980dd98edd3df ffffffffffffffff`,
};

/** A group with its generator, 2. */
export function dhGroup(name: DhGroupName): DhGroup {
  return { prime: fromHex(primes[name]), generator: Uint8Array.of(2), isNamed: true };
}

/** The group with this prime and this generator, where it is one of RFC 3526. */
export function namedGroup(prime: Uint8Array, generator: Uint8Array): DhGroup | undefined {
  const name = sizes.find(([, bits]) => bits === 8 * prime.length)?.[0];
  if (name === undefined) return undefined;
  const group = dhGroup(name);
  return equalBytes(group.prime, prime) && equalBytes(group.generator, generator) ? group : undefined;
}

const sizes: readonly (readonly [DhGroupName, number])[] = [
  ['group14', 2048],
  ['group15', 3072],
  ['group16', 4096],
  ['group17', 6144],
  ['group18', 8192],
];

/**
 * What a server answers a group exchange with: of the groups within a client's
 * bounds the shortest that has the bits it prefers, or else the longest.
 * Undefined where none is within them.
 */
export function groupWithin(least: number, preferred: number, most: number): DhGroup | undefined {
  const within = sizes.filter(([, bits]) => bits >= least && bits <= most);
  const chosen = within.find(([, bits]) => bits >= preferred) ?? within.at(-1);
  return chosen === undefined ? undefined : dhGroup(chosen[0]);
}
