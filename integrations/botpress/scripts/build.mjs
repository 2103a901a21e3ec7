// Bundles the integration as Botpress's CLI does (`bp bundle`), and reads its definition as `bp read` does.
import { build } from 'esbuild'

const options = { bundle: true, platform: 'node', target: 'es2020', format: 'cjs', keepNames: true, legalComments: 'none' }
const entry = (contents) => ({ stdin: { contents, resolveDir: process.cwd(), loader: 'ts' } })
const bundle = "import x from './src/index'; export default x; export const handler = x.handler;"

await build({ ...options, ...entry(bundle), outfile: 'dist/index.cjs' })
await build({ ...options, entryPoints: ['integration.definition.ts'], outfile: 'dist/definition.cjs' })

const { default: definition } = (await import('../dist/definition.cjs')).default
const { handler } = (await import('../dist/index.cjs')).default
if (typeof handler !== 'function') {
  throw new Error('dist/index.cjs has no handler')
}
const names = (found) => Object.keys(found ?? {}).join(', ')
const { interfaces, actions, events, channels } = definition
console.log(`dist/index.cjs: ${definition.name} ${definition.version}, ${names(interfaces)}`)
console.log(`actions: ${names(actions)}; events: ${names(events)}; messages: ${names(channels.hitl.messages)}`)
