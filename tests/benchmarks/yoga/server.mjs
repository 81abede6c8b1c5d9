// graphql-yoga in front of the three sources, as one would write it who knows it well: compiled operations,
// parsed and validated once, connections kept open, look-ups of one request merged.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';
import * as map from './mapping.mjs';
import * as sources from './sources.mjs';

const LISTS = {
  SAMESPACE: async (first, offset) =>
    (await sources.samespaceContacts({ skip: offset, limit: first })).map(map.fromSamespace),
  PACKAGEX: async (first, offset) =>
    (await sources.packagexList('person', first, 1 + offset / first)).map(map.fromPackageX),
  SMART_SENDER: async (first, offset) =>
    (await sources.smartSenderContacts(first, 1 + offset / first)).map(map.fromSmartSender),
};

const resolvers = {
  Query: {
    contact: (_, { by }, { loaders }) => {
      const [source, id] = by.id.split(':');
      return loaders[source].load(id);
    },
    contacts: async (_, { first, after, sources: [source] }) => ({
      nodes: await LISTS[source](first, Number(after ?? 0)),
    }),
    groups: async (_, { first, after }) => ({
      nodes: (await sources.packagexList('group', first, 1 + Number(after ?? 0) / first)).map(map.group),
    }),
  },
  Mutation: {
    createContact: async (_, { input }) => ({
      contacts: [map.fromPackageX(await sources.createPackagexContact({ ...input.contact }))],
    }),
  },
  Contact: {
    properties: (contact) => map.properties(contact.held ?? {}),
    chat: async (contact, _, { loaders }) => {
      const record = contact.vendorId && (await loaders.chats.load(contact.vendorId));
      return record ? map.chat(record) : null;
    },
    communications: async (contact, _, { loaders }) => ({
      nodes: contact.vendorId ? (await loaders.gates.load(contact.vendorId)).map(map.communication) : [],
    }),
  },
  Group: {
    members: async (group, { first }, { loaders }) => ({
      nodes: await loaders.PACKAGEX.loadMany(group.children.slice(0, first)),
    }),
  },
};

class Loaders {
  get SAMESPACE() {
    return this.#keep('SAMESPACE', async (ids) => {
      const records = await sources.samespaceContacts({ skip: 0, limit: ids.length, filter: { _id: { $in: ids } } });
      const found = new Map(records.map((record) => [record._id, map.fromSamespace(record)]));
      return ids.map((id) => found.get(id) ?? null);
    });
  }

  get PACKAGEX() {
    return this.#each('PACKAGEX', async (id) => {
      const record = await sources.packagexContact(id);
      return record && map.fromPackageX(record);
    });
  }

  get SMART_SENDER() {
    return this.#each('SMART_SENDER', async (id) => {
      const record = await sources.smartSenderContact(id);
      return record && map.fromSmartSender(record);
    });
  }

  get chats() {
    return this.#each('chats', sources.smartSenderChat);
  }

  get gates() {
    return this.#each('gates', sources.smartSenderGates);
  }

  #each(name, load) {
    return this.#keep(name, (keys) => Promise.all(keys.map(load)));
  }

  #keep(name, batch) {
    const loader = new DataLoader(batch);
    Object.defineProperty(this, name, { value: loader }); // the next time it is there
    return loader;
  }
}

const yoga = createYoga({
  schema: createSchema({
    typeDefs: readFileSync(new URL('../others.graphql', import.meta.url), 'utf8'),
    resolvers,
  }),
  context: () => ({ loaders: new Loaders() }),
  plugins: [useGraphQlJit()],
  graphiql: false,
  landingPage: false,
  multipart: false,
  cors: false,
});

const server = createServer(yoga);
server.listen(Number(process.env.PORT), '127.0.0.1', 4096);
process.on('SIGTERM', () => process.exit(0));
