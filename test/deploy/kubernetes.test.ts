import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readConfig } from '../../src/config/index.js'

const FOLDER = 'deploy/kubernetes'

function read (name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8')
}

const { resources, configMapGenerator } = parse(read('kustomization.yaml'))
const all = resources.map((name: string) => parse(read(name)))

function only (kind: string) {
  const [found, ...others] = all.filter((resource: { kind: string }) => resource.kind === kind)
  if (found === undefined || others.length > 0) throw new Error(`there is not one ${kind}`)
  return found
}

const { metadata: { name }, spec: { selector: { matchLabels }, template: { metadata, spec: pod } } } = only('Deployment')
const [container] = pod.containers
const settings = readConfig('routes.json', read('routes.json'), { ADMIN_TOKEN: 'a-token-of-this-test' })

t.test('each resource says what it is, and whose', async t => {
  for (const resource of all) {
    t.type(resource.apiVersion, 'string')
    t.equal(resource.metadata.name, 'gateway')
  }
  t.strictSame(metadata.labels, matchLabels)
  t.strictSame(only('Service').spec.selector, matchLabels)
  t.strictSame(only('PodDisruptionBudget').spec.selector.matchLabels, matchLabels)
  t.match(only('HorizontalPodAutoscaler').spec.scaleTargetRef, { kind: 'Deployment', name })
})

t.test('probes ask the admin listener, which needs no token for them', async t => {
  const ports = new Map(container.ports.map((port: { name: string, containerPort: number }) => [port.name, port.containerPort]))
  t.equal(ports.get('admin'), 9900)
  t.match(JSON.parse(read('routes.json')).admin, { port: 9900, host: '0.0.0.0' }, 'by the address of the pod')
  t.strictSame(container.startupProbe.httpGet, { path: '/healthz', port: 'admin' })
  t.strictSame(container.livenessProbe.httpGet, { path: '/healthz', port: 'admin' })
  t.strictSame(container.readinessProbe.httpGet, { path: '/readyz', port: 'admin' })
  t.equal(only('Service').spec.ports[0].targetPort, 'http')
})

t.test('a pod has time to end', async t => {
  const { drainDelay, shutdownTimeout } = settings.server
  const seconds = container.lifecycle.preStop.sleep.seconds + (drainDelay + shutdownTimeout) / 1000
  t.ok(pod.terminationGracePeriodSeconds > seconds, `${seconds} s, and a little`)
})

t.test('the file is where the command reads it, and is watched as a folder', async t => {
  const [mount] = container.volumeMounts
  t.strictSame(container.args, ['start', join(mount.mountPath, 'routes.json'), '--watch'])
  t.equal(mount.subPath, undefined)
  t.equal(pod.volumes.find((volume: { name: string }) => volume.name === mount.name).configMap.name, configMapGenerator[0].name)
  t.strictSame(configMapGenerator[0].files, ['routes.json'])
})

t.test('the autoscaler goes by what there is', async t => {
  const metrics: Array<{ type: string, pods?: { metric: { name: string } } }> = only('HorizontalPodAutoscaler').spec.metrics
  const names = metrics.flatMap(({ pods }) => pods === undefined ? [] : [pods.metric.name])
  t.ok(names.length > 0)
  // Which test/docs/operate.test.ts holds against what is exported.
  for (const name of names) t.match(readFileSync('docs/operate.md', 'utf8'), `| \`${name}\` | gauge |`)
  t.ok(container.resources.requests.cpu, 'of which the use is a part')
})
