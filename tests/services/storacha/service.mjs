// The Storacha service of the tests: the network's own code (@storacha/upload-api) with stores in memory, and three
// storage nodes over HTTP. Started by ../storacha_server.py; what a test asks of it is below /_test/.
//
//   POST /_test/faults  [{at, mode, count, skip, ms}]     what goes wrong from now on; [] ends it
//     at    a capability, 'rpc' for any of them, 'receipt' (GET /receipt/…), 'put' (at the storage nodes)
//     mode  see misbehave(); count: how often (absent: until it is ended); skip: how many go well before
//   POST /_test/token   {can, space, seconds, from, hops, drop, other}   a token as `storacha bridge generate-tokens` makes it
//   POST /_test/space   {}        a space that the service takes uploads of
//   GET  /_test/state             uploads, blobs, calls by capability, bytes
import http from 'node:http'
import { createHash, randomBytes } from 'node:crypto'
import { createContext } from '@storacha/upload-api/test/context'
import * as Assert from '@storacha/capabilities/assert'
import { ed25519 } from '@ucanto/principal'
import { CAR, CBOR, Message, Receipt, delegate } from '@ucanto/core'
import * as Transport from '@ucanto/transport/car'
import { CID } from 'multiformats/cid'
import { base64url } from 'multiformats/bases/base64'

const port = Number(process.argv[2])
const nodes = []        // http servers of the storage nodes
const blobs = new Map() // path at a node -> {url, size}
const calls = {}        // how often each thing was asked for
let faults = []
let bytes = 0
const spaces = new Map()
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const count = (what) => { calls[what] = (calls[what] ?? 0) + 1 }

function faultAt(...places) {
  for (const fault of faults) {
    if (!places.includes(fault.at)) continue
    if (fault.skip > 0) { fault.skip--; continue }
    if (fault.count === 0) continue
    if (fault.count) fault.count--
    return fault
  }
}

async function bodyOf(request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces)
}

// What breaks before anything is done. True: the request is answered, or never will be.
async function breaksEarly(fault, request, response) {
  if (!fault) return false
  if (fault.ms) await sleep(fault.ms)
  if (/^\d+$/.test(fault.mode)) {
    const headers = fault.after === undefined ? {} : { 'retry-after': String(fault.after) }
    response.writeHead(Number(fault.mode), headers).end('injected')
  } else if (fault.mode === 'drop') request.socket.destroy()
  else if (fault.mode !== 'hang') return false
  return true
}

// Storage nodes: an upload that breaks off, is refused, or is stored and not confirmed.
const nodeHttp = {
  createServer(handle) {
    const server = http.createServer(async (request, response) => {
      response.destroy = () => {}   // what it sent last would be lost on the way
      if (request.method !== 'PUT') return handle(request, response)
      count('put')
      const fault = faultAt('put')
      if (await breaksEarly(fault, request, response)) return
      const size = Number(request.headers['content-length'])
      if (fault?.mode === 'cut') {
        let got = 0
        request.on('data', (piece) => { if ((got += piece.length) >= size / 2) request.socket.destroy() })
        return
      }
      bytes += size
      if (fault?.mode === 'drop-after') response.end = () => request.socket.destroy()
      await handle(request, response)
      if (response.statusCode === 200) blobs.set(request.url, { node: nodes.indexOf(server), size })
    })
    nodes.push(server)
    return server
  },
}

const ctx = await createContext({ requirePaymentPlan: false, http: nodeHttp,
  assert: { fail: (error) => console.error('service:', error) } })
const agent = ctx.connection.channel
// Proofs between the parts of the service end after 30 seconds, unless they are made anew.
for (const part of [ctx.indexingService, ctx.claimsService]) {
  const config = part.invocationConfig
  const to = config.audience
  config.proofs = [await Assert.assert.delegate({ issuer: to, with: to.did(), audience: config.issuer, expiration: Infinity })]
}
const stranger = await ed25519.generate()

// An answer that is not what it should be; made of the right one.
async function spoil(mode, answer) {
  if (mode === 'garbage') return randomBytes(answer.length)
  if (mode === 'half') return answer.subarray(0, answer.length / 2)
  if (mode === 'flipped') { const copy = Buffer.from(answer); copy[copy.length - 20] ^= 1; return copy }
  const { roots, blocks } = CAR.decode(answer)
  const { report } = CBOR.decode(blocks.get(`${roots[0].cid}`).bytes)['ucanto/message@7.0.0']
  const all = [...blocks.values()].filter((block) => `${block.cid}` !== `${roots[0].cid}`)
  const told = {}
  for (const [task, link] of Object.entries(report)) {
    const right = Receipt.view({ root: link, blocks })
    const made = await spoiledReceipt(mode, right)
    if (!made) continue
    told[task] = made.root.cid
    all.push(...made.iterateIPLDBlocks())
  }
  const root = await CBOR.write({ 'ucanto/message@7.0.0': { report: told } })
  return CAR.encode({ roots: [root], blocks: new Map([...all, root].map((block) => [`${block.cid}`, block])) })
}

function spoiledReceipt(mode, right) {
  const as = { issuer: ctx.id, ran: right.ran.link(), result: right.out, fx: right.fx }
  if (mode === 'forged') return Receipt.issue({ ...as, issuer: stranger.withDID(right.issuer.did()) })
  if (mode === 'stranger') return Receipt.issue({ ...as, issuer: stranger })
  if (mode === 'other-task') return Receipt.issue({ ...as, ran: right.root.cid })
  if (mode === 'no-result') return Receipt.issue({ ...as, result: { ok: {} }, fx: { fork: [] } })
  if (mode.startsWith('error:')) {
    return Receipt.issue({ ...as, result: { error: { name: mode.slice(6), message: `injected ${mode.slice(6)}` } } })
  }
}   // 'empty': none

// What production answers while writes are switched off.
const disabled = (can) => ({ error: { name: 'ServiceUnavailable', message: `The "${can}" capability is currently disabled.` } })
function guard(service, name, can) {
  const handle = service[name]
  service[name] = (...words) => (faults.some((fault) => fault.mode === 'writes-disabled') ? disabled(can) : handle(...words))
}
guard(agent.service.space.blob, 'add', 'space/blob/add')
guard(agent.service.space.index, 'add', 'space/index/add')
guard(agent.service.upload, 'add', 'upload/add')

async function rpc(request, response) {
  const body = await bodyOf(request)
  let can = 'rpc'
  try {
    const message = await Transport.request.decode({ headers: request.headers, body })
    can = message.invocations[0]?.capabilities[0]?.can ?? can
  } catch { /* the service says what is wrong */ }
  count(can)
  const fault = faultAt(can, 'rpc')
  if (await breaksEarly(fault, request, response)) return
  const answer = await agent.request({ method: 'POST', headers: request.headers, body })
  if (fault?.mode === 'drop-after') return request.socket.destroy()
  const spoiled = fault && fault.mode !== 'writes-disabled' && !fault.mode.startsWith('slow')
  response.writeHead(answer.status ?? 200, answer.headers)
  response.end(spoiled ? await spoil(fault.mode, Buffer.from(answer.body)) : answer.body)
}

async function receiptOf(request, response, url) {
  count('receipt')
  const fault = faultAt('receipt')
  if (await breaksEarly(fault, request, response)) return
  // As in production: the receipt lies elsewhere.
  if (!url.searchParams.has('there')) return response.writeHead(302, { location: `${url.pathname}?there` }).end()
  const found = await ctx.agentStore.receipts.get(CID.parse(url.pathname.slice('/receipt/'.length)))
  if (found.error) return response.writeHead(404).end('no such receipt')
  const message = await Message.build({ receipts: [found.ok] })
  const answer = Buffer.from((await Transport.request.encode(message)).body)
  response.writeHead(200, { 'content-type': 'application/vnd.ipld.car' })
  response.end(fault && !fault.mode.startsWith('slow') ? await spoil(fault.mode, answer) : answer)
}

async function makeSpace() {
  const space = await ed25519.generate()
  spaces.set(space.did(), space)
  await provision(space.did())
  return { space: space.did() }
}

async function provision(space) {
  await ctx.provisionsStorage.put({ cause: { link: () => 'test' }, consumer: space, customer: 'did:mailto:example.com:test',
    provider: ctx.id.did() })
  return { space }
}

// hops: how many hand the delegation on between the space and the agent of the token; drop: proofs are left out;
// other: it is made out to somebody else.
async function makeToken({ can, space, seconds = 3600, from, hops = 0, drop = false, other = false }) {
  const secret = randomBytes(24)
  const agentKey = await ed25519.derive(createHash('sha256').update(secret).digest())
  const now = Math.floor(Date.now() / 1000)
  let issuer = spaces.get(space) ?? await ed25519.generate()   // of a space that nobody knows
  const about = issuer.did()
  let proofs = []
  const give = (audience, capabilities, more) => delegate({ issuer, audience, proofs, capabilities, expiration: Infinity, ...more })
  for (let hop = 0; hop < hops; ++hop) {
    const next = await ed25519.generate()
    proofs = [await give(next, [{ can: '*', with: about }])]
    issuer = next
  }
  const last = await give(other ? stranger : agentKey, can.map((each) => ({ can: each, with: about })),
    { expiration: seconds === null ? Infinity : now + seconds, notBefore: from ? now + from : undefined,
      proofs: drop ? proofs.map((proof) => proof.cid) : proofs })
  const { ok } = await last.archive()
  return { token: `${base64url.encode(secret)}:${base64url.encode(ok)}`, space: about, agent: agentKey.did(), proof: `${last.cid}` }
}

function state() {
  const uploads = ctx.uploadTable.items.map((item) => ({ space: item.space, root: `${item.root}`, shards: (item.shards ?? []).map(String) }))
  const stored = [...blobs].map(([path, { node, size }]) => ({ url: `http://127.0.0.1:${nodes[node].address().port}${path}`, size }))
  return { uploads, blobs: stored, calls, bytes, nodes: nodes.map((each) => `http://127.0.0.1:${each.address().port}`) }
}

// Somebody who signs in by mail is let in, with a plan.
setInterval(async () => {
  while (ctx.mail.emails.length) {
    const mail = await ctx.mail.take()
    const [name, host] = mail.to.split('@')
    await ctx.plansStorage.initialize(`did:mailto:${host}:${encodeURIComponent(name)}`, 'test', 'did:web:starter.storacha.network')
    await ctx.grantAccess(mail)
  }
}, 100).unref()

const tests = {
  'POST /_test/faults': (wanted) => { faults = wanted; return {} },
  'POST /_test/token': makeToken,
  'POST /_test/space': ({ space }) => (space ? provision(space) : makeSpace()),
  'GET /_test/state': state,
  'GET /version': () => ({ name: 'test', did: ctx.id.did(), publicKey: ctx.id.toDIDKey() }),
}

const server = http.createServer(async (request, response) => {
  try {
    const url = new URL(request.url, `http://127.0.0.1:${port}`)
    const test = tests[`${request.method} ${url.pathname}`]
    if (test) {
      const body = request.method === 'POST' ? JSON.parse((await bodyOf(request)).toString()) : undefined
      const text = JSON.stringify(await test(body), (_, value) => (typeof value === 'bigint' ? Number(value) : value))
      response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    } else if (request.method === 'POST' && url.pathname === '/') await rpc(request, response)
    else if (url.pathname.startsWith('/receipt/')) await receiptOf(request, response, url)
    else response.writeHead(404).end('not found')
  } catch (error) {
    console.error(error)
    response.writeHead(500).end(String(error.message))
  }
})
server.keepAliveTimeout = 120_000   // clients are silent for long while they hash a shard
server.listen(port, '127.0.0.1', () => console.log('ready'))
for (const sign of ['SIGINT', 'SIGTERM']) process.on(sign, () => process.exit(0))
