import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { Started } from '../fixtures/started.js'
import { README, ROOT } from './readme.js'

const DOCS = readFileSync(new URL('docs/tracing.md', ROOT), 'utf8')

interface Exported {
  resourceSpans: Array<{ resource: { attributes: Array<{ key: string, value: { stringValue?: string } }> }, scopeSpans: Array<{ spans: Array<{ name: string, kind: number, attributes: Array<{ key: string }>, events: Array<{ name: string }> }> }> }>
}

function block (language: string, nth = 0): string {
  return [...DOCS.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))][nth]?.[1] ?? ''
}

t.test('docs/tracing.md: what is to be copied exports spans, the last ones as well', async t => {
  t.match(README, '](docs/tracing.md)')
  const exported: Exported[] = []
  const collector = await service(t, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    t.equal(request.url, '/v1/traces')
    exported.push(JSON.parse(Buffer.concat(chunks).toString()))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const environment = Object.fromEntries([...block('sh', 1).matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)].map(([, name, quoted, plain]) => [name, quoted ?? plain]))
  t.strictSame(Object.keys(environment), ['NODE_OPTIONS', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'])
  const gateway = new Started(t, folder => {
    writeFileSync(join(folder, 'tracing.mjs'), block('js'))
    writeFileSync(join(folder, 'routes.json'), JSON.stringify({ routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] }))
  }, [], { ...environment, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` })
  const port = await gateway.listening()
  t.equal((await call(port, '/api/x', { headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } })).status, 200)
  t.equal(await gateway.stop(), 0)
  const [resource] = exported.flatMap(({ resourceSpans }) => resourceSpans)
  t.match(resource?.resource.attributes, [{ key: 'service.name', value: { stringValue: 'gateway' } }])
  const spans = exported.flatMap(({ resourceSpans }) => resourceSpans).flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)
  t.strictSame(spans.map(({ name }) => name).sort(), ['GET', 'GET /api'])
  for (const { key } of spans.flatMap(({ attributes }) => attributes)) t.ok(DOCS.includes(`\`${key}\``), key)
})
