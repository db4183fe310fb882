// node read.mjs ADDRESS ROOT [SPACE]    what a service has of an upload, by the network's own code: its index, its
// shards by their hash from the storage nodes, every block held against its hash. Prints {path: SHA-256 of the file}.
import { createHash } from 'node:crypto'
import { ShardedDAGIndex } from '@storacha/blob-index'
import { recursive } from 'ipfs-unixfs-exporter'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'

const [address, rootText, space] = process.argv.slice(2)
const state = await (await fetch(`${address}/_test/state`)).json()
const upload = state.uploads.find((each) => each.root === rootText && (!space || each.space === space))
if (!upload) throw new Error(`no upload of ${rootText}`)

const atNodes = new Map(state.blobs.map(({ url }) => [new URL(url).pathname.split('/').pop(), url]))
async function blob(multihash) {
  const url = atNodes.get(`${base58btc.encode(multihash.bytes)}.blob`)
  const bytes = url && new Uint8Array(await (await fetch(url)).arrayBuffer())
  if (!bytes || !Buffer.from((await sha256.digest(bytes)).digest).equals(Buffer.from(multihash.digest))) {
    throw new Error(`no node has ${base58btc.encode(multihash.bytes)}`)
  }
  return bytes
}

const shards = upload.shards.map((each) => CID.parse(each))
const ours = new Set(shards.map((each) => `${base58btc.encode(each.multihash.bytes)}.blob`))
let index
for (const name of atNodes.keys()) {
  if (ours.has(name)) continue
  const read = ShardedDAGIndex.extract(await blob(Digest.decode(base58btc.decode(name.replace('.blob', '')))))
  if (read.ok?.content.toString() === rootText) index = read.ok
}
if (!index) throw new Error(`no index of ${rootText}`)

const blocks = new Map()
for (const [shard, slices] of index.shards.entries()) {
  const bytes = await blob(shard)
  for (const [slice, [offset, length]] of slices.entries()) {
    blocks.set(base58btc.encode(slice.bytes), bytes.subarray(offset, offset + length))
  }
}
async function get(cid) {
  const bytes = blocks.get(base58btc.encode(cid.multihash.bytes))
  if (!bytes) throw new Error(`the index has no ${cid}`)
  const found = await sha256.digest(bytes)
  if (!Buffer.from(found.digest).equals(Buffer.from(cid.multihash.digest))) throw new Error(`another block than ${cid}`)
  return bytes
}

const files = {}
for await (const entry of recursive(rootText, { get })) {
  if (entry.type === 'directory') continue
  const hash = createHash('sha256')
  for await (const piece of entry.content()) hash.update(piece)
  files[entry.path.split('/').slice(1).join('/')] = hash.digest('hex')
}
console.log(JSON.stringify(files))
