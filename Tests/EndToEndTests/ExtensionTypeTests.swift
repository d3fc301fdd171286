// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Types of extensions that few machines have, where they are installed.
@Suite(.oneAtATime, .postgres())
struct `Types of an extension` {
    private static let places = """
        CREATE EXTENSION postgis;
        CREATE TABLE place (
            id int PRIMARY KEY, earth geometry(Point, 4326), earth3 geometry(PointZ, 4326), ground geography(Point, 4326),
            ground3 geography(PointZ, 4326), flat geometry(Point), flat3 geometry(PointZ), shape geometry, area geography(Polygon));
        INSERT INTO place SELECT i, ST_SetSRID(ST_MakePoint(x, y), 4326), ST_SetSRID(ST_MakePoint(x, y, z), 4326),
            ST_SetSRID(ST_MakePoint(x, y), 4326), ST_SetSRID(ST_MakePoint(x, y, z), 4326), ST_MakePoint(x * z, y * z),
            ST_MakePoint(x * 1e9, y, z), ST_MakePoint(x, y), NULL
        FROM (SELECT i, random() * 360 - 180 AS x, random() * 180 - 90 AS y, random() * 10000 - 5000 AS z
            FROM generate_series(1, 200) i) AS s;
        INSERT INTO place (id, earth, earth3, flat) VALUES
            (1001, ST_SetSRID(ST_MakePoint(180, 90), 4326), NULL, ST_MakePoint('-0', 5e-324)),
            (1002, ST_SetSRID(ST_MakePoint(-180, -90), 4326), NULL, ST_MakePoint(-1.7976931348623157e308, 0));
        INSERT INTO place (id, shape, area) VALUES
            (2001, 'SRID=3857;POINT(1 2)', 'POLYGON((0 0, 1 0, 1 1, 0 0))'), (2002, 'POINT EMPTY', NULL),
            (2003, 'POINT M (1 2 3)', NULL), (2004, 'POINT ZM (1 2 3 4)', NULL), (2005, 'LINESTRING(0 0, 1 1)', NULL),
            (2006, 'SRID=4326;GEOMETRYCOLLECTION(POINT(1 2))', NULL), (2007, 'MULTIPOINT(1 2)', NULL),
            (2008, 'SRID=4326;POINT(200 95)', NULL), (2009, 'SRID=4326;POINT(10 -95)', NULL),
            (2010, 'SRID=4326;POINT Z (-180.5 0 1)', NULL), (2011, ST_MakePoint('Infinity', 0), NULL),
            (2012, ST_MakePoint(0, 0, '-Infinity'), NULL), (2013, 'SRID=4326;POINT Z (-180 90 1)', NULL)
        """

    /// Neo4j's points of four reference systems, from the snapshot and from the stream, in both of its forms.
    @Test(arguments: GraphServer.newest, [false, true])
    func `PostGIS's points go over in all their reference systems`(kind: GraphServer.Kind, asText: Bool) async throws {
        try await PostgresServer.current.requireExtension("postgis", "apt-get install postgresql-15-postgis-3")
        try await Project.on(kind, "places", schema: Self.places) { project in
            if asText {
                try await project.sql(
                    "ALTER TABLE place ADD COLUMN shapes geometry[]; UPDATE place SET shapes = ARRAY[shape, flat]")
            }
            try await project.propose()
            try project.edit { text in
                for column in ["earth", "earth3", "ground", "ground3", "flat", "flat3"] {
                    text.replace(
                        "      \(column): \(column)", with: "      \(column): {property: \(column), as: point}")
                }
                text.replace("      shape: shape", with: "      shape: {property: shape, as: point, otherwise: string}")
            }
            try await project.whileRunning { running in
                try await project.settle(within: .seconds(30))
                try await running.says("format=\(asText ? "text" : "binary")")
                try await project.expectEqual("from the snapshot")
                let systems =
                    "MATCH (n:Place {id: 7}) RETURN n.earth.srid, n.earth3.srid, n.ground.srid, n.ground3.srid, "
                    + "n.flat.srid, n.flat3.srid"
                #expect(try await project.cypher(systems) == "4326|4979|4326|4979|7203|9157")
                try await project.sql(
                    """
                    UPDATE place SET id = id + 10000; UPDATE place SET earth = ST_Translate(earth, 0.5, 0) WHERE id < 10100
                        AND ST_X(earth) < 179; UPDATE place SET shape = ST_SetSRID(shape, 4326) WHERE id < 10100
                    """)
                try await project.settle(within: .seconds(30))
                try await project.expectEqual("from the stream")
            }
        }
    }

    private static let vectors = """
        CREATE EXTENSION vector;
        CREATE TABLE chunk (id int PRIMARY KEY, body text, embedding vector(8), loose vector);
        INSERT INTO chunk SELECT i, 'b' || i,
            (SELECT array_agg((random() - 0.5) * 10 ^ (random() * 20 - 10))::real[]::vector FROM generate_series(1, 8 + 0 * i)),
            '[1,0.1,-0,3e-38]'
        FROM generate_series(1, 200) i
        """

    @Test(arguments: GraphServer.newest, [false, true])
    func `pgvector's vectors go over exactly and are found by their index`(
        kind: GraphServer.Kind, asText: Bool
    ) async throws {
        try await PostgresServer.current.requireExtension(
            "vector", "apt-get install postgresql-…-pgvector, or PyPI's pgserver")
        try await Project.on(kind, "vectors", schema: Self.vectors) { project in
            if asText { try await project.sql("ALTER TABLE chunk ADD COLUMN line line DEFAULT '{1,2,3}'") }
            try await project.propose()
            let proposal = try String(contentsOf: project.mapping, encoding: .utf8)
            #expect(
                proposal.contains("    - {type: vector, label: Chunk, properties: [embedding]}  # vector(8), cosine"))
            #expect(proposal.contains("# - {type: vector, label: Chunk, properties: [loose], dimensions: ...}"))
            try await project.whileRunning { running in
                try await project.settle(within: .seconds(30))
                try await running.says("format=\(asText ? "text" : "binary")")
                try await project.expectEqual("from the snapshot")
                try await project.sql(
                    """
                    UPDATE chunk SET embedding = embedding + '[1,2,3,4,5,6,7,8]' WHERE id % 3 = 0;
                    UPDATE chunk SET loose = '[1]' WHERE id = 1; UPDATE chunk SET embedding = '[0,0,0,0,0,0,0,1]' WHERE id = 5
                    """)
                try await project.settle(within: .seconds(30))
                try await project.expectEqual("from the stream")
                guard kind.isNeo4j else { return }
                try await eventually("the index finds the nearest") {
                    try await project.cypher(
                        "CALL db.index.vector.queryNodes('lockstep_vector_Chunk_embedding', 200, "
                            + "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]) YIELD node, score "
                            + "WHERE node.id = 5 RETURN score > 0.8") == "true"
                }
            }
        }
    }
}
