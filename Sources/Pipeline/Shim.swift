import Mapping
import PostgreSQL
extension MappingFile { func resolve(against: Catalog) throws(MappingError) -> GraphMapping { fatalError() } }
